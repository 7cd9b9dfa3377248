/**
 * gokey's seed file, and the key material inside.
 *
 *     offset  bytes   field
 *     0       12      nonce N, random; also the salt of PBKDF2
 *     12      n - 28  AES-256-GCM ciphertext of random bytes P (228 of them in gokey's own files)
 *     n - 16  16      tag T
 *
 * The wrapping key is PBKDF2-HMAC-SHA-256(password, N, 4096 rounds, 32 bytes). No magic, no version.
 *
 * Two derivations exist. `0.1` is gokey before 0.2.0 (CVE-2025-13353): P is decrypted, thrown away, and
 * replaced by zeros, so that everything follows from the public N and T. `0.2` uses P.
 *
 * Source: gokey, csprng.go. Vectors: test/vectors/gokey/seeds.json.
 */
import { createCipheriv, createDecipheriv, pbkdf2Sync } from "node:crypto";
import { concat } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { createMacs, hmacSha256 } from "../../crypto/mac.ts";
import { traceless } from "../../crypto/traceless.ts";

export type Derivation = "0.1" | "0.2";

const NONCE = 12;
const TAG = 16;
/** The smallest seed: a nonce and a tag around nothing. */
export const MIN_SEED_BYTES = NONCE + TAG;
/** What gokey makes, and reads in one piece. */
export const SEED_BYTES = 256;
export const MAX_SEED_BYTES = 1_048_576;

/** PBKDF2-HMAC-SHA-256 (RFC 8018 section 5.2), 4096 rounds, 32 bytes. The whole strength of a gokey password. */
export function stretch(password: Secret, salt: Uint8Array): Secret {
  return Secret.take(pbkdf2Sync(password.reveal(), salt, 4096, 32, "sha256"));
}

/** What a seed's keys follow from. It outlives the password: keep these two to keep every derived key. */
export interface SeedMaterial {
  /** N, P (zeros in 0.1) and T: as long as the seed. */
  readonly input: Secret;
  /** N and T: 28 bytes, not secret. */
  readonly salt: Uint8Array;
}

/**
 * Open a seed: one PBKDF2, however many realms follow.
 *
 * @param seed - The file from its offset on: 28 bytes to 1 MiB.
 * @throws KeywardError `malformed` when it is shorter or longer; `wrong-key` when the tag does not match: a wrong password, a
 *   damaged seed or a wrong offset, which the format cannot tell apart.
 */
export function openSeed(seed: Uint8Array, password: Secret, derivation: Derivation): SeedMaterial {
  if (seed.length < MIN_SEED_BYTES)
    throw new KeywardError("malformed", `seed: ${seed.length} bytes; the shortest has ${MIN_SEED_BYTES}`);
  if (seed.length > MAX_SEED_BYTES)
    throw new KeywardError("too-large", `seed: more than ${MAX_SEED_BYTES} bytes`);
  const nonce = seed.slice(0, NONCE);
  const tag = seed.slice(-TAG);
  using wrapping = stretch(password, nonce);
  using content = Secret.take(decrypt(wrapping, nonce, seed.subarray(NONCE, -TAG), tag));
  const middle = derivation === "0.1" ? new Uint8Array(content.length) : content.reveal();
  return { input: Secret.take(concat(nonce, middle, tag)), salt: concat(nonce, tag) };
}

function decrypt(key: Secret, nonce: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array {
  const options = { authTagLength: TAG };
  const decipher = traceless(() => createDecipheriv("aes-256-gcm", key.reveal(), nonce, options));
  decipher.setAuthTag(tag);
  const plain = decipher.update(ciphertext);
  try {
    decipher.final();
  } catch {
    plain.fill(0);
    throw new KeywardError("wrong-key", "seed: does not open", {
      hint: "the password is wrong, the seed is damaged, or it begins at another offset of the file",
    });
  }
  return plain;
}

/**
 * Make a seed as gokey does.
 *
 * @param random - 240 random bytes: the nonce, then what is sealed.
 * @returns 256 bytes.
 */
export function makeSeed(password: Secret, random: Uint8Array): Uint8Array {
  if (random.length !== SEED_BYTES - TAG)
    throw new KeywardError("usage", `a seed wants ${SEED_BYTES - TAG} random bytes`);
  const nonce = random.slice(0, NONCE);
  using wrapping = stretch(password, nonce);
  const cipher = createCipheriv("aes-256-gcm", wrapping.reveal(), nonce);
  const sealed = concat(cipher.update(random.subarray(NONCE)), cipher.final());
  return concat(nonce, sealed, cipher.getAuthTag());
}

/**
 * HKDF-SHA-256 (RFC 5869) for 32 bytes, which is one block, of a seed that has many realms: the first step is
 * theirs together. Not the runtime's own, which refuses an `info` longer than 1,024 bytes: realms may be longer.
 */
export function createExpander({ input, salt }: SeedMaterial): (info: Uint8Array) => Secret {
  using extracted = Secret.take(hmacSha256(salt, input.reveal()));
  const macs = createMacs(extracted.reveal());
  return (info) => Secret.take(macs.of(info, first));
}

const first = Uint8Array.of(1);
