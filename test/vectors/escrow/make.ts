/** Makes escrow-v1.json: `node test/vectors/escrow/make.ts > test/vectors/escrow/escrow-v1.json`. */
import { readFileSync } from "node:fs";
import { toHex, utf8 } from "../../../src/base/bytes.ts";
import { Secret } from "../../../src/base/secret.ts";
import { formatSealedShare, holderId, sealShare } from "../../../src/formats/escrow/escrow.ts";
import { formatRecipient, generateRecipient } from "../../../src/formats/hpke/keys.ts";
import type { NodeName } from "../../../src/model/name.ts";
import type { VolumeName } from "../../../src/model/volume.ts";

const { splits } = JSON.parse(readFileSync(new URL("../seed/shares.json", import.meta.url), "utf8")) as {
  splits: { seed: string; threshold: number; shares: string[] }[];
};
const [split] = splits;
if (split === undefined) throw new Error("no split");
const counting = (from: number) => (length: number) => Uint8Array.from({ length }, (_, i) => from + i);
const holders = split.shares.map((_, i) => generateRecipient(counting(0x20 + 0x20 * i)));

const names: readonly [string, string, string, number][] = [
  ["a volume's first recovery key", "db1", "data", 1],
  ["long names, and a later generation", `${"n".repeat(249)}.dev`, "v".repeat(64), 4_294_967_295],
];
const cases = names.flatMap(([shows, node, volume, generation]) =>
  holders.map((holder, i) => {
    const facts = {
      node: node as NodeName,
      volume: volume as VolumeName,
      uuid: "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
      generation,
      index: i + 1,
      count: holders.length,
      threshold: split.threshold,
    };
    const share = utf8(split.shares[i] ?? "");
    const sealed = sealShare(facts, holder.publicKey, Secret.copy(share), counting(0x40 + i));
    const { index, count, threshold } = facts;
    return {
      shows: `${shows}, share ${index}`,
      ...{ node, volume, uuid: facts.uuid, generation, index, count, threshold },
      holder: holderId(holder.publicKey),
      privatePem: Buffer.from(formatRecipient(holder).reveal()).toString(),
      publicKey: toHex(holder.publicKey),
      ephemeral: toHex(counting(0x40 + i)(32)),
      share: toHex(share),
      sealed: formatSealedShare(sealed),
    };
  }),
);
const origin =
  "made by make.ts of this folder; see docs/formats/escrow.md. The shares are those of the first split of " +
  "test/vectors/seed/shares.json: any `threshold` of a volume's give `key`. The keys are worthless.";
console.log(JSON.stringify({ origin, key: split.seed, cases }, null, 1));
