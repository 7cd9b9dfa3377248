/**
 * A proof that a node holds a version: a keyed digest of the value under the server's challenge, never the value.
 *
 *     HMAC-SHA-256(challenge, fields("keyward/v1/proof", node, key, version in decimal, value))
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { fields } from "../base/bytes.ts";
import type { Secret } from "../base/secret.ts";

export interface ProofOf {
  readonly node: string;
  readonly key: string;
  readonly version: number;
}

/** @param challenge - 32 bytes. @returns 32 bytes. */
export function prove(challenge: Uint8Array, { node, key, version }: ProofOf, value: Secret): Uint8Array {
  const head = fields("keyward/v1/proof", node, key, String(version));
  // The value's own field, written piece by piece so that no copy of it is made.
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return createHmac("sha256", challenge).update(head).update(length).update(value.reveal()).digest();
}

export function isProof(proof: Uint8Array, challenge: Uint8Array, of: ProofOf, value: Secret): boolean {
  const expected = prove(challenge, of, value);
  return proof.byteLength === expected.byteLength && timingSafeEqual(proof, expected);
}
