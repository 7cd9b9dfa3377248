/**
 * Checkpoint: a signed statement of the newest event. Whoever keeps one elsewhere can tell later whether the
 * log still holds the same events up to there, even when the whole store was rewritten.
 *
 *     signature = Ed25519(fields("keyward/v1/audit-checkpoint", seq, hash, at)), numbers in decimal
 *
 * Spec: docs/formats/audit.md.
 */
import { fields, fromBase64, toBase64 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { ed25519Verify } from "../crypto/sign.ts";
import type { Head } from "./head.ts";

export interface Checkpoint extends Head {
  /** The Ed25519 key that signed, 32 bytes in base64. */
  readonly publicKey: string;
  /** 64 bytes in base64. */
  readonly signature: string;
}

/** What signs checkpoints: the server's own key, which it has only while unsealed. */
export interface Signer {
  /** 64 bytes, Ed25519; `null` while sealed. */
  sign(bytes: Uint8Array): Uint8Array | null;
  /** 32 bytes; `null` as long as it is not known. */
  readonly publicKey: Uint8Array | null;
}

function statement({ seq, hash, at }: Head): Uint8Array {
  return fields("keyward/v1/audit-checkpoint", String(seq), hash, String(at));
}

/** @returns `null` while the server is sealed. */
export function signHead(head: Head, signer: Signer): Checkpoint | null {
  const signature = signer.sign(statement(head));
  if (signature === null || signer.publicKey === null) return null;
  const { seq, hash, at } = head;
  return { seq, hash, at, publicKey: toBase64(signer.publicKey), signature: toBase64(signature) };
}

/** Did the key that the checkpoint names sign it? Whether to trust that key is for the caller. */
export function isSigned(checkpoint: Checkpoint): boolean {
  try {
    const publicKey = fromBase64(checkpoint.publicKey, "public key");
    return ed25519Verify(publicKey, statement(checkpoint), fromBase64(checkpoint.signature, "signature"));
  } catch (error) {
    if (isKeywardError(error, "malformed")) return false;
    throw error;
  }
}

/** Is this value shaped as a checkpoint, with nothing else in it? */
export function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== "object" || value === null) return false;
  const { seq, hash, at, publicKey, signature, ...rest } = value as Checkpoint;
  return (
    Object.keys(rest).length === 0 &&
    Number.isSafeInteger(seq) &&
    Number.isSafeInteger(at) &&
    [hash, publicKey, signature].every((text) => typeof text === "string")
  );
}
