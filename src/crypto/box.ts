/**
 * NaCl's box: X25519, then HSalsa20 over the shared secret, then a secret box (D. J. Bernstein, "Cryptography in
 * NaCl", 2009). The key is the same in both directions, so who can seal to a peer can also open what it sealed.
 */
import { x25519 } from "./agree.ts";
import { storeWord } from "./little-endian.ts";
import { ownBytes } from "./memory.ts";
import { hsalsa20, loadKey, salsaBlock, salsaKey } from "./salsa20.ts";
import { openSecretBox, SECRET_BOX_NONCE_SIZE, SECRET_BOX_TAG_SIZE, sealSecretBox } from "./secret-box.ts";

export const BOX_KEY_SIZE = 32;
export const BOX_NONCE_SIZE = SECRET_BOX_NONCE_SIZE;
export const BOX_TAG_SIZE = SECRET_BOX_TAG_SIZE;

/**
 * The key of all boxes between two key pairs (NaCl's `beforenm`): worth keeping, for it costs a hundred times
 * what a small box does.
 *
 * @returns 32 bytes, which the caller wipes.
 * @throws KeywardError `malformed` when the public key is a point of low order.
 */
export function boxKey(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const shared = x25519(privateKey, publicKey);
  const words = salsaKey();
  const state = salsaBlock();
  loadKey(shared, words);
  hsalsa20(words, new Uint8Array(16), state, words);
  const key = ownBytes(BOX_KEY_SIZE);
  for (let at = 0; at < BOX_KEY_SIZE; at += 4) storeWord(key, at, words[at / 4] as number);
  for (const memory of [shared, words, state]) memory.fill(0);
  return key;
}

/** @param key - Of `boxKey`. */
export const sealBox = sealSecretBox;
/** @param key - Of `boxKey`. */
export const openBox = openSecretBox;
