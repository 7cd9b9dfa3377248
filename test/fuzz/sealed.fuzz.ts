import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fields, fromHex } from "../../src/base/bytes.ts";
import { open } from "../../src/formats/sealed/sealed.ts";
import { unwrap } from "../../src/seal/wrap.ts";

const { vectors } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/sealed/sealed-v1.json"), "utf8"),
) as { vectors: { box: string }[] };

export default {
  name: "sealed",
  examples: vectors.map(({ box }) => fromHex(box, "box")),
  run(bytes: Uint8Array): void {
    const key = new Uint8Array(64).fill(1);
    if (bytes.byteLength % 2 === 0) open(key.subarray(0, 32), fields("keyward/v1"), bytes, "fuzz");
    else unwrap(key, fields("keyward/v1"), bytes, "fuzz");
  },
};
