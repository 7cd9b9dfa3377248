/**
 * AES-256-CBC with PKCS#7 padding (NIST SP 800-38A, RFC 5652 section 6.3): for formats that have it. It does not
 * authenticate; `openCbc` may give another text than was sealed, and never tells why it gives none.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { ownCopy, plainView } from "./memory.ts";
import { traceless } from "./traceless.ts";

export const CBC_KEY_SIZE = 32;
export const CBC_BLOCK_SIZE = 16;

/** @param iv - 16 bytes. @returns The ciphertext: 1 to 16 bytes more than the text, a multiple of 16. */
export function sealCbc(key: Uint8Array, iv: Uint8Array, text: Uint8Array): Uint8Array {
  assertSizes(key, iv);
  const cipher = traceless(() => createCipheriv("aes-256-cbc", key, iv));
  return plainView(Buffer.concat([cipher.update(text), cipher.final()]));
}

/** @returns The text, which the caller wipes; `null` when length or padding is wrong. */
export function openCbc(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  assertSizes(key, iv);
  if (sealed.byteLength === 0 || sealed.byteLength % CBC_BLOCK_SIZE !== 0) return null;
  const decipher = traceless(() => createDecipheriv("aes-256-cbc", key, iv).setAutoPadding(false));
  const padded = decipher.update(sealed);
  // Ends the cipher's own copy of the key; without padding it gives nothing more.
  decipher.final();
  const length = padded.byteLength - paddingOf(padded);
  const text = length === padded.byteLength ? null : ownCopy(padded.subarray(0, length));
  padded.fill(0);
  return text;
}

/** Bytes of padding; 0 when it is wrong. Looks at all of the last block whatever it holds. */
function paddingOf(padded: Uint8Array): number {
  const end = padded.byteLength;
  const count = padded[end - 1] ?? 0;
  let wrong = count === 0 || count > CBC_BLOCK_SIZE ? 1 : 0;
  for (let i = 1; i <= CBC_BLOCK_SIZE; i++) {
    const inside = i <= count ? 0xff : 0;
    wrong |= inside & ((padded[end - i] ?? 0) ^ count);
  }
  return wrong === 0 ? count : 0;
}

function assertSizes(key: Uint8Array, iv: Uint8Array): void {
  if (key.byteLength !== CBC_KEY_SIZE) throw new KeywardError("internal", "aes-cbc: a key has 32 bytes");
  if (iv.byteLength !== CBC_BLOCK_SIZE) throw new KeywardError("internal", "aes-cbc: an iv has 16 bytes");
}
