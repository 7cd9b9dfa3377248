/** SHA-256 (FIPS 180-4). */
import { createHash } from "node:crypto";
import { plainView } from "./memory.ts";

export const HASH_SIZE = 32;

/** 32 bytes: the hash of the parts, one after the other. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return plainView(hash.digest());
}
