/** Names for public keys of Secretary in logs and events: short, and nothing secret. */
import { toHex } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import type { PublicKey } from "../formats/secretary/keys.ts";

/** 16 hexadecimal digits: the first 8 bytes of SHA-256 over the raw key. */
export function keyFingerprint(key: PublicKey): string {
  return toHex(sha256(key).subarray(0, 8));
}
