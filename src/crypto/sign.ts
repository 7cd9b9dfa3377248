/**
 * Ed25519 (RFC 8032) with keys as raw bytes: a 32-byte seed, a 32-byte public key. A key object is made for
 * each use and not kept, because its memory cannot be wiped at will.
 */
import { createPrivateKey, createPublicKey, sign as runSign, verify as runVerify } from "node:crypto";
import { concat, fromHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { ownBytes, ownCopy, plainView } from "./memory.ts";

export const SEED_SIZE = 32;
export const PUBLIC_KEY_SIZE = 32;
export const SIGNATURE_SIZE = 64;

/** What stands before the raw key in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410, sections 4 and 7). */
const pkcs8Head = fromHex("302e020100300506032b657004220420", "PKCS #8 head");
const spkiHead = fromHex("302a300506032b6570032100", "SPKI head");

/** 48 bytes of DER, which the caller wipes. */
export function ed25519ToPkcs8(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  assertSize(seed, SEED_SIZE, "a seed");
  const der = ownBytes(pkcs8Head.byteLength + SEED_SIZE);
  der.set(pkcs8Head);
  der.set(seed, pkcs8Head.byteLength);
  return der;
}

/** 44 bytes of DER. */
export function ed25519ToSpki(publicKey: Uint8Array): Uint8Array {
  assertSize(publicKey, PUBLIC_KEY_SIZE, "a public key");
  return concat(spkiHead, publicKey);
}

export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  const der = ed25519ToPkcs8(seed);
  try {
    const privateKey = createPrivateKey({ key: Buffer.from(der.buffer), format: "der", type: "pkcs8" });
    const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
    return ownCopy(spki.subarray(spkiHead.byteLength));
  } finally {
    der.fill(0);
  }
}

/** @returns 64 bytes. */
export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const der = ed25519ToPkcs8(seed);
  try {
    return plainView(runSign(null, message, { key: Buffer.from(der.buffer), format: "der", type: "pkcs8" }));
  } finally {
    der.fill(0);
  }
}

/** `false` also for a signature or a public key of the wrong length. */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.byteLength !== PUBLIC_KEY_SIZE || signature.byteLength !== SIGNATURE_SIZE) return false;
  const spki = Buffer.from(ed25519ToSpki(publicKey));
  return runVerify(null, message, { key: spki, format: "der", type: "spki" }, signature);
}

function assertSize(bytes: Uint8Array, size: number, what: string): void {
  if (bytes.byteLength !== size) throw new KeywardError("internal", `ed25519: ${what} has ${size} bytes`);
}
