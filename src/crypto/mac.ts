/** HMAC-SHA-256 (RFC 2104). */
import { createHmac, timingSafeEqual } from "node:crypto";
import { plainView } from "./memory.ts";
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
