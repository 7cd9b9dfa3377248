import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { concat, fromHex } from "../../src/base/bytes.ts";
import { readSeedFacts } from "../../src/formats/seed/seed.ts";

const { vectors } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/seed/vectors.json"), "utf8"),
) as { vectors: { envelope: string }[] };

export default {
  name: "seed envelope",
  examples: vectors.map(({ envelope }) => fromHex(envelope, "envelope")),
  run(bytes: Uint8Array): void {
    // Every other one with a checksum that fits, so that what comes after it is reached.
    const summed = concat(bytes, createHash("sha256").update(bytes).digest().subarray(0, 8));
    readSeedFacts(bytes.byteLength % 2 === 0 ? bytes : summed);
  },
};
