import assert from "node:assert/strict";
import { createCipheriv, createHash, hkdfSync, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { concat, fields, fromHex, toHex } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { SeedFacts } from "../../model/seed-place.ts";
import { openSeedEnvelope, readSeedFacts, sealSeed } from "./seed.ts";

interface Vector {
  readonly shows: string;
  readonly facts: SeedFacts;
  readonly input: string;
  readonly salt: string;
  readonly nonce: string;
  readonly seed: string;
  readonly envelope: string;
}

const { vectors } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../test/vectors/seed/vectors.json"), "utf8"),
) as { vectors: readonly Vector[] };
const bytes = (hex: string): Uint8Array => fromHex(hex, "vector");
const secret = (hex: string): Secret => Secret.take(bytes(hex));
/** No stretching, so that thousands of openings are quick. */
const quick = vectors.find(({ facts }) => facts.opener.kind === "key-file") as Vector;
const [first] = vectors as [Vector];

for (const vector of vectors) {
  test(`vector: ${vector.shows}`, async () => {
    const { facts, salt, nonce } = vector;
    const random = (length: number): Uint8Array => bytes(length === 16 ? salt : nonce);
    const sealed = await sealSeed(facts, secret(vector.seed), secret(vector.input), random);
    assert.equal(toHex(sealed), vector.envelope);
    assert.deepEqual(readSeedFacts(bytes(vector.envelope)), facts);
    const opened = await openSeedEnvelope(bytes(vector.envelope), secret(vector.input));
    assert.equal(toHex(opened.reveal()), vector.seed);
  });
}

test("the page's recipe, by the runtime alone, gives the vectors", () => {
  for (const { facts, input, salt, nonce, seed, envelope } of vectors) {
    const { opener } = facts;
    const derived =
      opener.kind === "passphrase"
        ? scryptSync(bytes(input), bytes(salt), 40, { ...opener, maxmem: 2 ** 30 })
        : Buffer.from(
            hkdfSync(
              "sha256",
              bytes(input),
              bytes(salt),
              fields("keyward/v1/seed-envelope", opener.kind),
              40,
            ),
          );
    const head = concat(bytes(envelope).subarray(0, 22), bytes(salt), bytes(nonce), derived.subarray(32));
    const cipher = createCipheriv("aes-256-gcm", derived.subarray(0, 32), bytes(nonce)).setAAD(head);
    const body = concat(head, cipher.update(bytes(seed)), cipher.final(), cipher.getAuthTag());
    const sum = createHash("sha256").update(body).digest().subarray(0, 8);
    assert.equal(toHex(concat(body, sum)), envelope);
  }
});

test("every truncation and a trailing byte are refused, before anything is opened", () => {
  const envelope = bytes(first.envelope);
  for (let length = 0; length < envelope.length; length++)
    assert.throws(() => readSeedFacts(envelope.subarray(0, length)), refused, `${length} bytes`);
  assert.throws(() => readSeedFacts(Uint8Array.from([...envelope, 0])), refused);
});

test("every changed bit is refused, before anything is opened", () => {
  const envelope = bytes(first.envelope);
  for (let at = 0; at < envelope.length * 8; at++)
    assert.throws(() => readSeedFacts(flipped(envelope, at)), refused, `bit ${at}`);
});

test("every bit that somebody changes, checksum and all, is refused at the opening", async () => {
  const envelope = bytes(quick.envelope);
  for (let at = 0; at < (envelope.length - 8) * 8; at++) {
    const changed = summed(flipped(envelope, at).subarray(0, -8));
    await assert.rejects(openSeedEnvelope(changed, secret(quick.input)), isKeywardError, `bit ${at}`);
  }
});

test("a wrong passphrase is told from damage, and damage from a change", async () => {
  const envelope = bytes(first.envelope);
  const code = (wanted: string) => (error: unknown) => isKeywardError(error) && error.code === wanted;
  await assert.rejects(openSeedEnvelope(envelope, Secret.fromText("wrong")), code("wrong-key"));
  const damaged = flipped(envelope, 60 * 8);
  await assert.rejects(openSeedEnvelope(damaged, secret(first.input)), code("integrity"));
  await assert.rejects(
    openSeedEnvelope(summed(damaged.subarray(0, -8)), secret(first.input)),
    code("integrity"),
  );
});

test("parameters out of bounds are refused, however well the rest fits", () => {
  const envelope = bytes(first.envelope);
  const withByte = (at: number, value: number): Uint8Array =>
    summed(envelope.map((byte, i) => (i === at ? value : byte)).subarray(0, -8));
  for (const logN of [0, 1, 13, 21, 31, 64, 255])
    assert.throws(() => readSeedFacts(withByte(7, logN)), refused, `log2 N ${logN}`);
  for (const r of [0, 1, 7, 9, 255]) assert.throws(() => readSeedFacts(withByte(8, r)), refused, `r ${r}`);
  for (const p of [0, 9, 255]) assert.throws(() => readSeedFacts(withByte(9, p)), refused, `p ${p}`);
  for (const content of [0, 4, 255]) assert.throws(() => readSeedFacts(withByte(5, content)), refused);
  for (const opener of [0, 2, 3, 4, 255]) assert.throws(() => readSeedFacts(withByte(6, opener)), refused);
});

test("a seed of a length that is not its scheme's is not sealed", async () => {
  for (const [scheme, length] of [
    ["keyward-1", 31],
    ["keyward-1", 33],
    ["gokey-0.2", 55],
  ] as const) {
    const facts = { ...quick.facts, scheme };
    const sealing = sealSeed(
      facts,
      Secret.take(new Uint8Array(length)),
      secret(quick.input),
      (n) => new Uint8Array(n),
    );
    await assert.rejects(sealing, refused);
  }
});

test("another passphrase seals the same seed", async () => {
  const seed = await openSeedEnvelope(bytes(first.envelope), secret(first.input));
  const other = Secret.fromText("another passphrase altogether");
  const sealed = await sealSeed(first.facts, seed, other, (n) => new Uint8Array(n).fill(7));
  assert.equal(toHex((await openSeedEnvelope(sealed, other)).reveal()), first.seed);
  await assert.rejects(openSeedEnvelope(sealed, secret(first.input)), (e) => isKeywardError(e, "wrong-key"));
});

function flipped(envelope: Uint8Array, bit: number): Uint8Array {
  return envelope.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
}

/** With a checksum that fits. */
function summed(body: Uint8Array): Uint8Array {
  return concat(body, createHash("sha256").update(body).digest().subarray(0, 8));
}

function refused(error: unknown): boolean {
  return isKeywardError(error, "malformed") || isKeywardError(error, "integrity");
}
