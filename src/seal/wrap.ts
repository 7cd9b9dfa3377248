/**
 * Wrap: how a key is kept under another key, so that opening it leaves nothing behind.
 *
 * AES-GCM as the runtime offers it may leave a copy of what it decrypts in freed memory (`crypto/aead.ts`).
 * So what goes through it is not the key but the key under a mask, which is made by HMAC from another half
 * of the wrapping key:
 *
 *     wrapping key  64 bytes: a box key, then a mask key
 *     mask          HKDF-Expand(mask key, fields("keyward/v1/mask", nonce), n)
 *     box           sealed v1 under the box key, of key XOR mask
 *
 * The box alone authenticates; the mask hides leftovers and nothing else.
 * Spec: docs/formats/sealed.md.
 */
import { fields } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { KEY_SIZE, NONCE_SIZE } from "../crypto/aead.ts";
import { hkdfExpand } from "../crypto/hkdf.ts";
import { ownBytes, wipe } from "../crypto/memory.ts";
import type { Random } from "../crypto/random.ts";
import { open, seal } from "../formats/sealed/sealed.ts";

export const WRAPPING_KEY_SIZE = KEY_SIZE * 2;
/** What one HKDF can mask. */
export const MAX_WRAPPED = 8160;

/** Magic and version stand before the nonce. */
const nonceAt = 5;

/** @param key - 64 bytes. */
export function wrap(key: Uint8Array, associated: Uint8Array, secret: Secret, random: Random): Uint8Array {
  if (secret.length > MAX_WRAPPED) {
    throw new KeywardError("too-large", `a key to wrap: more than ${MAX_WRAPPED} bytes`);
  }
  const nonce = random(NONCE_SIZE);
  const masked = applyMask(key, nonce, secret.reveal());
  try {
    return seal(key.subarray(0, KEY_SIZE), nonce, associated, masked);
  } finally {
    wipe(masked);
  }
}

/**
 * @param what - Names the box in errors.
 * @throws KeywardError `integrity` when the box was changed, was made for another place or under another key.
 */
export function unwrap(key: Uint8Array, associated: Uint8Array, box: Uint8Array, what: string): Secret {
  try {
    using masked = open(key.subarray(0, KEY_SIZE), associated, box, what);
    return Secret.take(applyMask(key, box.subarray(nonceAt, nonceAt + NONCE_SIZE), masked.reveal()));
  } catch (error) {
    // Boxes come from our own store, so a bad shape is damage too.
    if (!(error instanceof KeywardError) || error.code !== "malformed") throw error;
    throw new KeywardError("integrity", error.message, { hint: "restore the store from a backup" });
  }
}

function applyMask(key: Uint8Array, nonce: Uint8Array, text: Uint8Array): Uint8Array {
  const out = ownBytes(text.byteLength);
  if (out.byteLength === 0) return out;
  const mask = hkdfExpand(key.subarray(KEY_SIZE), fields("keyward/v1/mask", nonce), text.byteLength);
  for (let i = 0; i < out.byteLength; i++) out[i] = (text[i] ?? 0) ^ (mask[i] ?? 0);
  wipe(mask);
  return out;
}
