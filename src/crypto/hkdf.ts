/**
 * HKDF with SHA-256 (RFC 5869), made of HMAC: the runtime's own keeps a copy of the input key in an object
 * that lives until the garbage collector comes, which no wipe reaches.
 */
import { KeywardError } from "../base/errors.ts";
import { hmacSha256, MAC_SIZE } from "./mac.ts";
import { ownBytes } from "./memory.ts";

/**
 * Extract and expand (RFC 5869, sections 2.2 and 2.3).
 *
 * @param inputKey - Any length; its bytes must hold enough that nobody can guess.
 * @param salt - Any length; not secret. Empty stands for 32 zeros.
 * @param info - What the result is for.
 * @param length - 1 to 8,160 bytes.
 * @returns Bytes in memory of their own: the caller wipes them.
 */
export function hkdf(inputKey: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const extracted = hmacSha256(salt, inputKey);
  try {
    return hkdfExpand(extracted, info, length);
  } finally {
    extracted.fill(0);
  }
}

/** Expand alone (RFC 5869, section 2.3): for a key that is uniform already, 32 bytes or more. */
export function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (!Number.isInteger(length) || length < 1 || length > 255 * MAC_SIZE) {
    throw new KeywardError("internal", `hkdf: cannot make ${length} bytes`);
  }
  const out = ownBytes(length);
  let block = ownBytes(0) as Uint8Array;
  for (let i = 0; i * MAC_SIZE < length; i++) {
    const next = hmacSha256(key, block, info, Uint8Array.of(i + 1));
    block.fill(0);
    block = next;
    out.set(block.subarray(0, length - i * MAC_SIZE), i * MAC_SIZE);
  }
  block.fill(0);
  return out;
}
