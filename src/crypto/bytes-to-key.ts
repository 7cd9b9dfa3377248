/**
 * OpenSSL's old EVP_BytesToKey with MD5 and no salt, as Ruby's `Cipher#pkcs5_keyivgen` calls it: for a format that
 * has it, and for nothing new. A block is the round function over (block before, secret); key and iv are the blocks
 * one after the other.
 */
import { createHash } from "node:crypto";
import { ownBytes, ownCopy, wipe } from "./memory.ts";

/** What Ruby takes. */
const ROUNDS = 2048;

/** @returns Key and iv, which the caller wipes. Takes milliseconds: keep what it gives. */
export function bytesToKey(
  secret: Uint8Array,
  keySize: number,
  ivSize: number,
): { readonly key: Uint8Array; readonly iv: Uint8Array } {
  const out = ownBytes(keySize + ivSize);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0; at < out.byteLength; at += block.byteLength) {
    let round = createHash("md5").update(block).update(secret).digest();
    for (let i = 1; i < ROUNDS; i++) {
      const next = createHash("md5").update(round).digest();
      round.fill(0);
      round = next;
    }
    block = round;
    out.set(block.subarray(0, out.byteLength - at), at);
  }
  const made = { key: ownCopy(out.subarray(0, keySize)), iv: ownCopy(out.subarray(keySize)) };
  wipe(out, block);
  return made;
}
