/**
 * Seed envelope v1: a seed at rest, under a passphrase. The passphrase changes without changing any key that
 * follows from the seed.
 *
 *     offset  bytes   field
 *     0       4       magic, ASCII "KWSD"
 *     4       1       version, 0x01
 *     5       1       content: 0x01 a keyward-1 seed; 0x02 gokey material 0.1; 0x03 gokey material 0.2
 *     6       1       scrypt's log2 N, 14 to 20
 *     7       1       scrypt's r, 8
 *     8       1       scrypt's p, 1 to 8
 *     9       16      salt, random
 *     25      12      nonce, random
 *     37      8       check value
 *     45      n + 16  AES-256-GCM ciphertext and tag; bytes 0 to 44 are the associated data
 *
 * The wrapping key and the check value are the first 32 and the last 8 bytes of scrypt(passphrase, salt) of
 * 40 bytes. A check value that differs means another passphrase; one that fits around a tag that does not, damage.
 *
 * A keyward-1 seed is its 32 bytes. gokey material is the salt (28 bytes), then the input (28 bytes or more),
 * so that an imported seed keeps giving the keys it gave.
 *
 * Page: docs/formats/keyward-1.md. Vectors: test/vectors/keyward-1/.
 */
import { timingSafeEqual } from "node:crypto";
import { concat } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { NONCE_SIZE, openAead, sealAead, TAG_SIZE } from "../../crypto/aead.ts";
import type { Random } from "../../crypto/random.ts";
import { defaultCost, type ScryptCost, scrypt } from "../../crypto/scrypt.ts";

export type Content = "keyward-1" | "gokey-0.1" | "gokey-0.2";

const contents: readonly Content[] = ["keyward-1", "gokey-0.1", "gokey-0.2"];
const magic = Uint8Array.of(0x4b, 0x57, 0x53, 0x44, 0x01);
const SALT_SIZE = 16;
const CHECK_SIZE = 8;
const HEAD_SIZE = 45;
export const MAX_ENVELOPE_BYTES = 2_097_152;

export interface SeedEnvelope {
  readonly content: Content;
  readonly seed: Secret;
}

/** @param random - Gives the salt, then the nonce. */
export async function sealSeed(
  { content, seed }: SeedEnvelope,
  passphrase: Secret,
  random: Random,
  cost: ScryptCost = defaultCost,
): Promise<Uint8Array> {
  const salt = random(SALT_SIZE);
  const nonce = random(NONCE_SIZE);
  const parameters = Uint8Array.of(contents.indexOf(content) + 1, Math.log2(cost.N), cost.r, cost.p);
  using stretched = Secret.take(await scrypt(passphrase.reveal(), salt, cost, 32 + CHECK_SIZE));
  const head = concat(magic, parameters, salt, nonce, stretched.reveal().subarray(32));
  return concat(head, sealAead(stretched.reveal().subarray(0, 32), nonce, head, seed.reveal()));
}

/**
 * @throws KeywardError `malformed` when length, magic, version, content or parameters are wrong; `wrong-key` for another
 *   passphrase; `integrity` when the envelope was changed.
 */
export async function openSeedEnvelope(envelope: Uint8Array, passphrase: Secret): Promise<SeedEnvelope> {
  const { content, cost } = readHead(envelope);
  const head = envelope.subarray(0, HEAD_SIZE);
  const salt = head.subarray(9, 9 + SALT_SIZE);
  using stretched = Secret.take(await scrypt(passphrase.reveal(), salt, cost, 32 + CHECK_SIZE));
  if (!timingSafeEqual(stretched.reveal().subarray(32), head.subarray(HEAD_SIZE - CHECK_SIZE))) {
    throw new KeywardError("wrong-key", "seed envelope: the passphrase is another one");
  }
  const key = stretched.reveal().subarray(0, 32);
  const seed = openAead(key, head.subarray(25, 25 + NONCE_SIZE), head, envelope.subarray(HEAD_SIZE));
  if (seed === null) {
    throw new KeywardError("integrity", "seed envelope: changed since it was sealed", {
      hint: "take the copy that you keep elsewhere",
    });
  }
  return { content, seed: Secret.take(seed) };
}

function readHead(envelope: Uint8Array): { content: Content; cost: ScryptCost } {
  const refuse = (what: string): KeywardError => new KeywardError("malformed", `seed envelope: ${what}`);
  if (envelope.length < HEAD_SIZE + TAG_SIZE) throw refuse("too short");
  if (envelope.length > MAX_ENVELOPE_BYTES) throw new KeywardError("too-large", "seed envelope: too long");
  if (!magic.every((byte, i) => envelope[i] === byte)) throw refuse("not an envelope of version 1");
  const [contentByte = 0, logN = 0, r = 0, p = 0] = envelope.subarray(5, 9);
  const content = contents[contentByte - 1];
  if (content === undefined) throw refuse("unknown content");
  if (logN < 14 || logN > 20 || r !== 8 || p < 1 || p > 8) throw refuse("scrypt parameters out of bounds");
  return { content, cost: { N: 2 ** logN, r, p } };
}
