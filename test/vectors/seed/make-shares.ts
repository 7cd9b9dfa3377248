/** Makes shares.json, with other shares each time: `node test/vectors/seed/make-shares.ts > test/vectors/seed/shares.json`. */
import { toHex } from "../../../src/base/bytes.ts";
import { Secret } from "../../../src/base/secret.ts";
import { systemRandom } from "../../../src/crypto/random.ts";
import { openedSeed } from "../../../src/derive/opened.ts";
import { formatShare } from "../../../src/formats/seed/seed.ts";
import type { Scheme } from "../../../src/model/realm.ts";
import { splitSeed } from "../../../src/seed/shares.ts";

const cases: { scheme: Scheme; length: number; count: number; threshold: number }[] = [
  { scheme: "keyward-1", length: 32, count: 5, threshold: 3 },
  { scheme: "keyward-1", length: 32, count: 2, threshold: 2 },
  { scheme: "gokey-0.1", length: 56, count: 3, threshold: 2 },
  { scheme: "gokey-0.2", length: 284, count: 4, threshold: 4 },
];

const splits = [];
for (const { scheme, length, count, threshold } of cases) {
  const bytes = Uint8Array.from({ length }, (_, i) => i & 255);
  const id = openedSeed(scheme, Secret.copy(bytes)).id;
  const shares = await splitSeed({ scheme, id, generation: 1 }, Secret.copy(bytes), { count, threshold }, systemRandom);
  const texts = shares.map((share) => Buffer.from(formatShare(share).reveal()).toString());
  splits.push({ scheme, seed: toHex(bytes), threshold, shares: texts });
}
const origin = "made by src/seed/shares.ts of this repository; see docs/formats/seed.md";
console.log(JSON.stringify({ origin, splits }, null, 1));
