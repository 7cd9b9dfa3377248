/** X25519 (RFC 7748): private keys as 32 raw bytes, any of which will do. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { concat, fromHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { ownBytes, ownCopy } from "./memory.ts";

export const X25519_KEY_SIZE = 32;

/** What stands before the raw key in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410, sections 7 and 4). */
const pkcs8Head = fromHex("302e020100300506032b656e04220420", "PKCS #8 head");
const spkiHead = fromHex("302a300506032b656e032100", "SPKI head");

/** 48 bytes of DER, which the caller wipes. */
export function x25519ToPkcs8(privateKey: Uint8Array): Uint8Array<ArrayBuffer> {
  if (privateKey.byteLength !== 32) throw new KeywardError("internal", "x25519: a private key has 32 bytes");
  const der = ownBytes(pkcs8Head.byteLength + 32);
  der.set(pkcs8Head);
  der.set(privateKey, pkcs8Head.byteLength);
  return der;
}

/** 44 bytes of DER. */
export function x25519ToSpki(publicKey: Uint8Array): Uint8Array {
  if (publicKey.byteLength !== 32) throw new KeywardError("internal", "x25519: a public key has 32 bytes");
  return concat(spkiHead, publicKey);
}

export function x25519PublicKey(privateKey: Uint8Array): Uint8Array {
  const spki = createPublicKey(importPrivate(privateKey)).export({ format: "der", type: "spki" });
  return ownCopy(spki.subarray(spkiHead.byteLength));
}

/**
 * The shared secret of two key pairs (RFC 7748, section 6.1).
 *
 * @returns 32 bytes, which the caller wipes.
 * @throws KeywardError `malformed` when the public key is a point of low order: the result would be zeros,
 *   whatever the private key.
 */
export function x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const theirs = createPublicKey({ key: Buffer.from(x25519ToSpki(publicKey)), format: "der", type: "spki" });
  const ours = importPrivate(privateKey);
  let shared: Buffer;
  try {
    shared = diffieHellman({ privateKey: ours, publicKey: theirs });
  } catch (cause) {
    throw new KeywardError("malformed", "x25519: the public key is a point of low order", { cause });
  }
  const own = ownCopy(shared);
  shared.fill(0);
  return own;
}

function importPrivate(privateKey: Uint8Array): KeyObject {
  const der = x25519ToPkcs8(privateKey);
  try {
    return createPrivateKey({ key: Buffer.from(der.buffer), format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}
