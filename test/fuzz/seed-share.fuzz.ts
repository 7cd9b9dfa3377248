import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { concat, utf8 } from "../../src/base/bytes.ts";
import { formatShare, parseShare } from "../../src/formats/seed/seed.ts";

const { splits } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/seed/shares.json"), "utf8"),
) as { splits: { shares: string[] }[] };
const texts = splits.flatMap(({ shares }) => shares);

export default {
  name: "seed share",
  examples: [...texts, ...texts.map((text) => text.slice(0, text.indexOf("check:")))].map(utf8),
  run(bytes: Uint8Array): void {
    // Every other one with a check that fits.
    const check = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
    const text = bytes.byteLength % 2 === 0 ? bytes : concat(bytes, utf8(`check: ${check}\n`));
    formatShare(parseShare(text, "fuzz"));
  },
};
