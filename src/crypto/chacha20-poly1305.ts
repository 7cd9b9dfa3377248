/** ChaCha20-Poly1305 (RFC 8439, section 2.8) with a 12-byte nonce and the whole 16-byte tag. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { ownBytes, ownCopy } from "./memory.ts";

const algorithm = "chacha20-poly1305";
const TAG_SIZE = 16;
const options = { authTagLength: TAG_SIZE };

/**
 * @param key - 32 bytes.
 * @param nonce - 12 bytes, never used before with this key.
 * @returns The ciphertext and the tag: 16 bytes more than the text.
 */
export function sealChaCha(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  text: Uint8Array,
): Uint8Array {
  assertSizes(key, nonce);
  const cipher = createCipheriv(algorithm, key, nonce, options);
  cipher.setAAD(associated, { plaintextLength: text.byteLength });
  const sealed = ownBytes(text.byteLength + TAG_SIZE);
  sealed.set(cipher.update(text));
  cipher.final();
  sealed.set(cipher.getAuthTag(), text.byteLength);
  return sealed;
}

/**
 * @param sealed - Ciphertext and tag.
 * @returns The text, which the caller wipes; `null` when key, nonce, associated data, ciphertext or tag is not
 *   what was sealed.
 */
export function openChaCha(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | null {
  assertSizes(key, nonce);
  if (sealed.byteLength < TAG_SIZE) return null;
  const end = sealed.byteLength - TAG_SIZE;
  const decipher = createDecipheriv(algorithm, key, nonce, options);
  decipher.setAAD(associated, { plaintextLength: end }).setAuthTag(sealed.subarray(end));
  const text = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
    return ownCopy(text);
  } catch {
    return null;
  } finally {
    text.fill(0);
  }
}

function assertSizes(key: Uint8Array, nonce: Uint8Array): void {
  if (key.byteLength !== 32) throw new KeywardError("internal", "chacha20-poly1305: a key has 32 bytes");
  if (nonce.byteLength !== 12) throw new KeywardError("internal", "chacha20-poly1305: a nonce has 12 bytes");
}
