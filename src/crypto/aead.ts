/**
 * AES-256-GCM (NIST SP 800-38D) with a 12-byte nonce and the whole 16-byte tag; shorter tags can be guessed
 * and are refused.
 *
 * A trap: the runtime decrypts into a buffer one byte too long, copies it, and frees the first without
 * wiping it. So what `open` returns may leave a copy behind in freed memory, and a key must not travel in
 * here plain: see `seal/wrap.ts`.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { ownBytes, plainView } from "./memory.ts";
import { traceless } from "./traceless.ts";

export const KEY_SIZE = 32;
export const NONCE_SIZE = 12;
export const TAG_SIZE = 16;

const algorithm = "aes-256-gcm";
const options = { authTagLength: TAG_SIZE };

/**
 * @param key - 32 bytes.
 * @param nonce - 12 bytes, never used before with this key.
 * @param associated - Authenticated, not encrypted, not part of what comes back.
 * @returns The ciphertext and the tag: 16 bytes more than the text.
 */
export function sealAead(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  text: Uint8Array,
): Uint8Array {
  assertSizes(key, nonce);
  const cipher = traceless(() => createCipheriv(algorithm, key, nonce, options)).setAAD(associated);
  const sealed = ownBytes(text.byteLength + TAG_SIZE);
  sealed.set(cipher.update(text));
  // Ends the cipher's own copy of the key, so it is called on every path.
  cipher.final();
  sealed.set(cipher.getAuthTag(), text.byteLength);
  return sealed;
}

/**
 * @param sealed - Ciphertext and tag.
 * @returns The text, which the caller wipes; `null` when key, nonce, associated data, ciphertext or tag is not
 *   what was sealed.
 */
export function openAead(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | null {
  assertSizes(key, nonce);
  if (sealed.byteLength < TAG_SIZE) return null;
  const end = sealed.byteLength - TAG_SIZE;
  const decipher = traceless(() => createDecipheriv(algorithm, key, nonce, options));
  decipher.setAAD(associated).setAuthTag(sealed.subarray(end));
  const text = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
    return plainView(text);
  } catch {
    text.fill(0);
    return null;
  }
}

function assertSizes(key: Uint8Array, nonce: Uint8Array): void {
  if (key.byteLength !== KEY_SIZE) throw new KeywardError("internal", "aead: a key has 32 bytes");
  if (nonce.byteLength !== NONCE_SIZE) throw new KeywardError("internal", "aead: a nonce has 12 bytes");
}
