/**
 * sealed v1: one secret, sealed under a 32-byte key for one place.
 *
 *     offset  bytes   field
 *     0       4       magic, ASCII "KWSB"
 *     4       1       version, 0x01
 *     5       12      nonce, random
 *     17      n + 16  AES-256-GCM ciphertext and tag
 *
 * The AAD is bytes 0 to 16, then the associated data, which says what the secret is and where it belongs: a
 * box that was moved does not open.
 *
 * Spec: docs/formats/sealed.md. Vectors: test/vectors/sealed/.
 */
import { concat } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { NONCE_SIZE, openAead, sealAead, TAG_SIZE } from "../../crypto/aead.ts";

const head = Uint8Array.of(0x4b, 0x57, 0x53, 0x42, 0x01);
const textAt = head.byteLength + NONCE_SIZE;

/** Bytes that a box is longer than its secret. */
export const OVERHEAD = textAt + TAG_SIZE;

/**
 * @param key - 32 bytes.
 * @param nonce - 12 random bytes, never used before with this key.
 * @param associated - What the secret is and where it belongs, made by `fields`.
 */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  secret: Uint8Array,
): Uint8Array {
  const before = concat(head, nonce);
  return concat(before, sealAead(key, nonce, concat(before, associated), secret));
}

/**
 * @param box - The whole box: 33 bytes or more.
 * @param what - Names the box in errors.
 * @returns The secret, which the caller wipes.
 * @throws KeywardError `malformed` when length, magic or version is wrong; `integrity` when the box was
 *   changed, was sealed for another place, or under another key.
 */
export function open(key: Uint8Array, associated: Uint8Array, box: Uint8Array, what: string): Secret {
  if (box.byteLength < OVERHEAD) throw new KeywardError("malformed", `${what}: too short for a sealed box`);
  if (head.some((byte, i) => box[i] !== byte)) {
    throw new KeywardError("malformed", `${what}: not a sealed box of version 1`);
  }
  const before = box.subarray(0, textAt);
  const nonce = box.subarray(head.byteLength, textAt);
  const text = openAead(key, nonce, concat(before, associated), box.subarray(textAt));
  if (text === null) {
    throw new KeywardError("integrity", `${what}: changed, or sealed for another place`, {
      hint: "restore the store from a backup",
    });
  }
  return Secret.take(text);
}
