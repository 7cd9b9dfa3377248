/**
 * Seed envelope v1: a seed at rest. What opens it changes without changing any key that follows from the seed.
 *
 *     offset  bytes   field
 *     0       4       magic, ASCII "KWSD"
 *     4       1       version, 0x01
 *     5       1       content: 0x01 a keyward-1 seed; 0x02 gokey material 0.1; 0x03 gokey material 0.2
 *     6       1       opener: 0x01 a passphrase; 0x02 a key file; 0x03 the machine
 *     7       1       scrypt's log2 N, 14 to 20; 0 unless the opener is a passphrase, as the next two
 *     8       1       scrypt's r, 8
 *     9       1       scrypt's p, 1 to 8
 *     10      4       generation, big-endian, from 1
 *     14      8       seed id
 *     22      16      salt, random
 *     38      12      nonce, random
 *     50      8       check value
 *     58      n + 16  AES-256-GCM ciphertext and tag; bytes 0 to 57 are the associated data
 *     n + 74  8       checksum: the first 8 bytes of SHA-256 of all before it
 *
 * The wrapping key and the check value are the first 32 and the last 8 of 40 bytes: scrypt of the passphrase and
 * the salt, or HKDF-SHA-256 of the key file's content or of the machine's identity. A checksum that differs means
 * damage; a check value that differs, another opener; a tag that does not fit, that somebody changed it.
 *
 * A keyward-1 seed is its 32 bytes. gokey material is the salt (28 bytes), then the input (28 bytes or more),
 * so that an imported seed keeps giving the keys it gave.
 *
 * Page: docs/formats/seed.md. Vectors: test/vectors/seed/.
 */
import { timingSafeEqual } from "node:crypto";
import { concat, fields, fromHex, toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { NONCE_SIZE, openAead, sealAead, TAG_SIZE } from "../../crypto/aead.ts";
import { sha256 } from "../../crypto/hash.ts";
import { hkdf } from "../../crypto/hkdf.ts";
import type { Random } from "../../crypto/random.ts";
import { assertCost, scrypt } from "../../crypto/scrypt.ts";
import type { Scheme } from "../../model/realm.ts";
import type { SeedFacts, SeedOpener } from "../../model/seed-place.ts";

const contents: readonly Scheme[] = ["keyward-1", "gokey-0.1", "gokey-0.2"];
const openers: readonly SeedOpener["kind"][] = ["passphrase", "key-file", "machine"];
const magic = Uint8Array.of(0x4b, 0x57, 0x53, 0x44, 0x01);
const SALT_SIZE = 16;
const CHECK_SIZE = 8;
const HEAD_SIZE = 58;
const CHECKSUM_SIZE = 8;
const OVERHEAD = HEAD_SIZE + TAG_SIZE + CHECKSUM_SIZE;
/** gokey material of the largest seed that gokey's format can hold for us. */
const MAX_SEED_BYTES = 1_048_576 + 28;
export const MAX_ENVELOPE_BYTES = MAX_SEED_BYTES + OVERHEAD;

/**
 * @param input - The passphrase in normal form C, the key file's content, or the machine's identity.
 * @param random - Gives the salt, then the nonce.
 * @throws KeywardError `malformed` when a fact is out of bounds.
 */
export async function sealSeed(
  facts: SeedFacts,
  seed: Secret,
  input: Secret,
  random: Random,
): Promise<Uint8Array> {
  assertSeed(facts.scheme, seed.length);
  const [salt, nonce] = [random(SALT_SIZE), random(NONCE_SIZE)];
  using derived = await deriveFrom(input, salt, facts.opener);
  const head = concat(encodeFacts(facts), salt, nonce, derived.reveal().subarray(32));
  const sealed = concat(head, sealAead(derived.reveal().subarray(0, 32), nonce, head, seed.reveal()));
  return concat(sealed, checksum(sealed));
}

/**
 * @param input - As `sealSeed`.
 * @returns The seed, which the caller wipes.
 * @throws KeywardError as `readSeedFacts`; `wrong-key` when the input is another one; `integrity` when the envelope
 *   was changed.
 */
export async function openSeedEnvelope(envelope: Uint8Array, input: Secret): Promise<Secret> {
  const facts = readSeedFacts(envelope);
  const head = envelope.subarray(0, HEAD_SIZE);
  using derived = await deriveFrom(input, head.subarray(22, 22 + SALT_SIZE), facts.opener);
  if (!timingSafeEqual(derived.reveal().subarray(32), head.subarray(HEAD_SIZE - CHECK_SIZE)))
    throw wrongInput(facts.opener);
  const nonce = head.subarray(38, 38 + NONCE_SIZE);
  const sealed = envelope.subarray(HEAD_SIZE, -CHECKSUM_SIZE);
  const seed = openAead(derived.reveal().subarray(0, 32), nonce, head, sealed);
  if (seed === null) throw damaged("somebody changed it");
  return Secret.take(seed);
}

/**
 * What an envelope says of itself to anyone. It is to be believed only after the envelope was opened.
 *
 * @throws KeywardError `malformed` when it is no envelope of this version, or a field is out of bounds; `integrity`
 *   when the checksum does not fit; `too-large`.
 */
export function readSeedFacts(envelope: Uint8Array): SeedFacts {
  if (envelope.length > MAX_ENVELOPE_BYTES) throw new KeywardError("too-large", "seed envelope: too long");
  if (!magic.every((byte, i) => envelope[i] === byte)) throw refuse("not an envelope of version 1");
  if (envelope.length < OVERHEAD) throw refuse("too short");
  const body = envelope.subarray(0, -CHECKSUM_SIZE);
  if (!timingSafeEqual(checksum(body), envelope.subarray(-CHECKSUM_SIZE)))
    throw damaged("its checksum does not fit");
  const scheme = contents[(envelope[5] ?? 0) - 1];
  if (scheme === undefined) throw refuse("unknown content");
  assertSeed(scheme, envelope.length - OVERHEAD);
  const generation = new DataView(envelope.buffer, envelope.byteOffset).getUint32(10);
  if (generation === 0) throw refuse("generations count from 1");
  return { scheme, id: toHex(envelope.subarray(14, 22)), generation, opener: readOpener(envelope) };
}

function readOpener(envelope: Uint8Array): SeedOpener {
  const [kindByte = 0, logN = 0, r = 0, p = 0] = envelope.subarray(6, 10);
  const kind = openers[kindByte - 1];
  if (kind === undefined) throw refuse("unknown opener");
  switch (kind) {
    case "passphrase": {
      const cost = { N: 2 ** logN, r, p };
      assertCost(cost, "seed envelope");
      return { kind, ...cost };
    }
    case "key-file":
    case "machine":
      if (logN + r + p !== 0) throw refuse("scrypt parameters without a passphrase");
      return { kind };
  }
}

function encodeFacts({ scheme, id, generation, opener }: SeedFacts): Uint8Array {
  if (!Number.isInteger(generation) || generation < 1 || generation > 0xffff_ffff)
    throw refuse("generations count from 1");
  const bytes = fromHex(id, "seed id");
  if (bytes.length !== 8) throw refuse("a seed id has 16 hexadecimal digits");
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, generation);
  const cost = opener.kind === "passphrase" ? [Math.log2(opener.N), opener.r, opener.p] : [0, 0, 0];
  const kinds = [contents.indexOf(scheme) + 1, openers.indexOf(opener.kind) + 1];
  return concat(magic, Uint8Array.from([...kinds, ...cost]), count, bytes);
}

async function deriveFrom(input: Secret, salt: Uint8Array, opener: SeedOpener): Promise<Secret> {
  const length = 32 + CHECK_SIZE;
  if (opener.kind === "passphrase") return Secret.take(await scrypt(input.reveal(), salt, opener, length));
  const info = fields("keyward/v1/seed-envelope", opener.kind);
  return Secret.take(hkdf(input.reveal(), salt, info, length));
}

function assertSeed(scheme: Scheme, length: number): void {
  const fits = scheme === "keyward-1" ? length === 32 : length >= 56 && length <= MAX_SEED_BYTES;
  if (!fits) throw refuse(`a seed of ${scheme} does not have ${length} bytes`);
}

function checksum(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, CHECKSUM_SIZE);
}

function refuse(what: string): KeywardError {
  return new KeywardError("malformed", `seed envelope: ${what}`);
}

function damaged(why: string): KeywardError {
  return new KeywardError("integrity", `seed envelope: damaged: ${why}`, {
    hint: "take the copy that you keep elsewhere, or join the seed's shares",
  });
}

function wrongInput({ kind }: SeedOpener): KeywardError {
  switch (kind) {
    case "passphrase":
      return new KeywardError("wrong-key", "seed envelope: the passphrase is another one");
    case "key-file":
      return new KeywardError("wrong-key", "seed envelope: the key file is another one");
    case "machine":
      return new KeywardError("wrong-key", "seed envelope: it was sealed to another machine", {
        hint: "a new mainboard is another machine: recover the seed from its shares or an envelope kept elsewhere",
      });
  }
}
