import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "../../src/base/secret.ts";
import { openSeed } from "../../src/derive/gokey/seed.ts";

const { seeds } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/gokey/seeds.json"), "utf8"),
) as {
  seeds: { password: string; seed_base64: string }[];
};
const [{ password } = { password: "" }] = seeds;

export default {
  name: "gokey seed file",
  examples: seeds.map((seed) => new Uint8Array(Buffer.from(seed.seed_base64, "base64"))),
  run(bytes: Uint8Array): void {
    for (const derivation of ["0.1", "0.2"] as const) openSeed(bytes, Secret.fromText(password), derivation);
  },
};
