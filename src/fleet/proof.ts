/**
 * A proof that a node holds a version: a keyed digest of the value under the server's challenge, never the value.
 *
 *     HMAC-SHA-256(challenge, fields("keyward/v1/proof", node, key, version in decimal, value))
 */
import { fields } from "../base/bytes.ts";
import type { Secret } from "../base/secret.ts";
import { hmacSha256, verifyMac } from "../crypto/mac.ts";

export interface ProofOf {
  readonly node: string;
  readonly key: string;
  readonly version: number;
}

/** @param challenge - 32 bytes. @returns 32 bytes. */
export function prove(challenge: Uint8Array, of: ProofOf, value: Secret): Uint8Array {
  return hmacSha256(challenge, ...partsOf(of, value));
}

/** Compares in constant time. */
export function isProof(proof: Uint8Array, challenge: Uint8Array, of: ProofOf, value: Secret): boolean {
  return verifyMac(proof, challenge, ...partsOf(of, value));
}

/** The value stands as a field of its own, without a copy being made of it. */
function partsOf({ node, key, version }: ProofOf, value: Secret): Uint8Array[] {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, value.length);
  return [fields("keyward/v1/proof", node, key, String(version)), length, value.reveal()];
}
