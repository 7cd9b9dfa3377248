/** HMAC-SHA-256 (RFC 2104). */
import { createHmac, hash, timingSafeEqual } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { ownBytes, plainView, wipe } from "./memory.ts";
import { traceless } from "./traceless.ts";

export const MAC_SIZE = 32;

/** 32 bytes, which the caller may wipe: the code of the parts, one after the other. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = traceless(() => createHmac("sha256", key));
  for (const part of parts) mac.update(part);
  return plainView(mac.digest());
}

/** Is this the whole code of the parts? Takes the same time wherever they differ. */
export function verifyMac(code: Uint8Array, key: Uint8Array, ...parts: readonly Uint8Array[]): boolean {
  const wanted = hmacSha256(key, ...parts);
  const same = code.byteLength === MAC_SIZE && timingSafeEqual(code, wanted);
  wanted.fill(0);
  return same;
}

const BLOCK = 64;
/** Longer messages than this take memory of their own. */
const SHORT = 1024;

export interface Macs extends Disposable {
  /** 32 bytes, which the caller may wipe: the code of the parts, one after the other. */
  of(...parts: readonly Uint8Array[]): Uint8Array;
}

/**
 * The codes of many short messages under one key. For each the runtime's own makes an object, which costs several
 * times what the hashing does.
 *
 * @param key - 64 bytes at most; may be wiped once this returns.
 */
export function createMacs(key: Uint8Array): Macs {
  if (key.byteLength > BLOCK) throw new KeywardError("internal", "hmac: the key is longer than a block");
  const padded = (pad: number): Uint8Array => ownBytes(BLOCK).map((_, i) => pad ^ (key[i] ?? 0));
  const [inner, outer, scratch] = [padded(0x36), padded(0x5c), ownBytes(BLOCK + SHORT)];
  return {
    of(...parts) {
      const code = hashAll(scratch, inner, ...parts);
      const outermost = hashAll(scratch, outer, code);
      code.fill(0);
      return outermost;
    },
    [Symbol.dispose]: () => wipe(inner, outer, scratch),
  };
}

/** @param scratch - Overwritten, and wiped. */
function hashAll(scratch: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const whole = length <= scratch.byteLength ? scratch.subarray(0, length) : ownBytes(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  const code = plainView(hash("sha256", whole, "buffer"));
  whole.fill(0);
  return code;
}
