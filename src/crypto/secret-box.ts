/**
 * NaCl's secret box: XSalsa20-Poly1305 (D. J. Bernstein, "Cryptography in NaCl", 2009, sections 5 to 10). The
 * box is the 16-byte tag, then the ciphertext. The first 32 bytes of the stream are the tag's key.
 */
import { timingSafeEqual } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { loadWord, storeWord } from "./little-endian.ts";
import { ownBytes, ownCopy } from "./memory.ts";
import { POLY1305_TAG_SIZE, poly1305 } from "./poly1305.ts";
import { hsalsa20, loadKey, type SalsaBlock, salsa20Block, salsaBlock, salsaKey } from "./salsa20.ts";

export const SECRET_BOX_KEY_SIZE = 32;
export const SECRET_BOX_NONCE_SIZE = 24;
export const SECRET_BOX_TAG_SIZE = POLY1305_TAG_SIZE;

const BLOCK = 64;
const TAG_KEY_SIZE = 32;

/** One set for all calls, which cannot overlap, since nothing here waits; zeros between calls. */
const scratch = { key: salsaKey(), block: salsaBlock(), tagKey: ownBytes(TAG_KEY_SIZE) };

/**
 * @param key - 32 bytes.
 * @param nonce - 24 random bytes, never used before with this key.
 * @returns The tag and the ciphertext: 16 bytes more than the text.
 */
export function sealSecretBox(key: Uint8Array, nonce: Uint8Array, text: Uint8Array): Uint8Array {
  openStream(key, nonce);
  const box = ownBytes(SECRET_BOX_TAG_SIZE + text.byteLength);
  const ciphertext = box.subarray(SECRET_BOX_TAG_SIZE);
  ciphertext.set(text);
  xorStream(nonce, ciphertext);
  box.set(poly1305(scratch.tagKey, ciphertext));
  closeStream();
  return box;
}

/**
 * @returns The text in memory of its own, which the caller wipes; `null` when key, nonce, tag or ciphertext is
 *   not what was sealed.
 */
export function openSecretBox(key: Uint8Array, nonce: Uint8Array, box: Uint8Array): Uint8Array | null {
  if (box.byteLength < SECRET_BOX_TAG_SIZE) return null;
  openStream(key, nonce);
  const ciphertext = box.subarray(SECRET_BOX_TAG_SIZE);
  const tag = poly1305(scratch.tagKey, ciphertext);
  const genuine = timingSafeEqual(tag, box.subarray(0, SECRET_BOX_TAG_SIZE));
  const text = genuine ? ownCopy(ciphertext) : null;
  if (text !== null) xorStream(nonce, text);
  closeStream();
  return text;
}

/** The stream's key of the nonce's first 16 bytes; the nonce's other 8 go into each block. */
function openStream(key: Uint8Array, nonce: Uint8Array): void {
  if (key.byteLength !== SECRET_BOX_KEY_SIZE || nonce.byteLength !== SECRET_BOX_NONCE_SIZE) {
    throw new KeywardError("internal", "secret box: a key has 32 bytes and a nonce 24");
  }
  const { key: words, block, tagKey } = scratch;
  loadKey(key, words);
  hsalsa20(words, nonce, block, words);
  salsa20Block(words, loadWord(nonce, 16), loadWord(nonce, 20), 0, block);
  for (let at = 0; at < TAG_KEY_SIZE; at += 4) storeWord(tagKey, at, block[at / 4] as number);
}

/** The text begins in the middle of block 0, after the tag's key. */
function xorStream(nonce: Uint8Array, bytes: Uint8Array): void {
  const { key, block } = scratch;
  const [n0, n1] = [loadWord(nonce, 16), loadWord(nonce, 20)];
  const text = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  xor(block, TAG_KEY_SIZE, text, 0);
  let at = BLOCK - TAG_KEY_SIZE;
  for (let counter = 1; at < bytes.byteLength; counter++, at += BLOCK) {
    salsa20Block(key, n0, n1, counter, block);
    xor(block, 0, text, at);
  }
}

/** The bytes of the block from `skip` on, over the bytes from `at` on, as far as either goes. */
function xor(block: SalsaBlock, skip: number, text: DataView, at: number): void {
  const end = Math.min(at + BLOCK - skip, text.byteLength);
  let i = skip / 4;
  for (; at + 4 <= end; at += 4) text.setInt32(at, text.getInt32(at, true) ^ (block[i++] as number), true);
  for (let word = block[i] ?? 0; at < end; at++, word >>>= 8)
    text.setUint8(at, text.getUint8(at) ^ (word & 255));
}

function closeStream(): void {
  for (const memory of [scratch.key, scratch.block, scratch.tagKey]) memory.fill(0);
}
