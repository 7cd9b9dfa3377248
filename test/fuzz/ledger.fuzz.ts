/** The ledger: the signed text, and the lines that only the seed's holder can have signed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { openLedger } from "../../src/formats/ledger/ledger.ts";
import { parseRealm } from "../../src/formats/ledger/realm-line.ts";

const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/ledger/vectors.json"), "utf8"),
);
const texts: string[] = cases.map((one: { text: string }) => one.text);

export default {
  name: "formats/ledger",
  examples: texts.flatMap((text) => [text, ...text.split("\n").slice(1, -2)]).map(utf8),
  run(bytes: Uint8Array): void {
    const text = fromUtf8(bytes, "line");
    if (text.includes("\n")) openLedger(bytes);
    else parseRealm(text, 2, "keyward-1");
  },
};
