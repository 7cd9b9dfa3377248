/** Makes vectors.json: `node test/vectors/seed/make.ts > test/vectors/seed/vectors.json`. */
import { toHex, utf8 } from "../../../src/base/bytes.ts";
import { Secret } from "../../../src/base/secret.ts";
import { openedSeed } from "../../../src/derive/opened.ts";
import { sealSeed } from "../../../src/formats/seed/seed.ts";
import type { Scheme } from "../../../src/model/realm.ts";
import type { SeedOpener } from "../../../src/model/seed-place.ts";

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i & 255);
/** The salt is 10 11 …, the nonce 20 21 …: each its length in front. */
const random = (length: number): Uint8Array => counting(64).slice(length, 2 * length);

const cases: { shows: string; scheme: Scheme; seed: Uint8Array; opener: SeedOpener; input: string; generation: number }[] = [
  {
    shows: "a keyward-1 seed under a passphrase",
    scheme: "keyward-1",
    seed: counting(32),
    opener: { kind: "passphrase", N: 16_384, r: 8, p: 1 },
    input: "correct horse battery staple",
    generation: 1,
  },
  {
    shows: "other parameters, another generation, a passphrase that is not ASCII",
    scheme: "keyward-1",
    seed: counting(32),
    opener: { kind: "passphrase", N: 32_768, r: 8, p: 2 },
    input: "żółw na łódce, wieczór",
    generation: 4_294_967_295,
  },
  {
    shows: "a keyward-1 seed under a key file",
    scheme: "keyward-1",
    seed: counting(32),
    opener: { kind: "key-file" },
    input: "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc=",
    generation: 2,
  },
  {
    shows: "a keyward-1 seed that the machine opens; the input is its identity",
    scheme: "keyward-1",
    seed: counting(32),
    opener: { kind: "machine" },
    input: "the identity is 32 bytes of HKDF",
    generation: 1,
  },
  {
    shows: "gokey material of derivation 0.1, the shortest: a nonce and a tag, twice",
    scheme: "gokey-0.1",
    seed: counting(56),
    opener: { kind: "key-file" },
    input: "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc=",
    generation: 1,
  },
  {
    shows: "gokey material of derivation 0.2, as long as gokey's own seeds give",
    scheme: "gokey-0.2",
    seed: counting(284),
    opener: { kind: "key-file" },
    input: "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc=",
    generation: 1,
  },
];

const vectors = [];
for (const { shows, scheme, seed, opener, input, generation } of cases) {
  const facts = { scheme, id: openedSeed(scheme, Secret.copy(seed)).id, generation, opener };
  const envelope = await sealSeed(facts, Secret.copy(seed), Secret.copy(utf8(input)), random);
  vectors.push({
    shows,
    facts,
    input: toHex(utf8(input)),
    salt: toHex(random(16)),
    nonce: toHex(random(12)),
    seed: toHex(seed),
    envelope: toHex(envelope),
  });
}
const origin = "made by src/formats/seed of this repository; see docs/formats/seed.md";
console.log(JSON.stringify({ origin, vectors }, null, 1));
