import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { openHeader } from "../../src/formats/header-backup/header-backup.ts";

const { vectors } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/header-backup/header-backup-v1.json"), "utf8"),
) as { vectors: { sealed: string }[] };

export default {
  name: "header-backup",
  examples: vectors.map(({ sealed }) => fromHex(sealed, "sealed")),
  run(bytes: Uint8Array): void {
    openHeader(bytes, Secret.take(new Uint8Array(64).fill(1)));
  },
};
