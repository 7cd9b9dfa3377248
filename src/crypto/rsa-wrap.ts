/**
 * RSA key transport with PKCS#1 v1.5 padding (RFC 8017, 7.2), for formats that have it. The runtime refuses to take
 * this padding off (CVE-2023-46809), so it is done here: in constant time, and without ever saying what was wrong.
 *
 *     offset       bytes   field
 *     0            2       00 02
 *     2            8 or    random, none of them zero
 *                  more
 *     …            1       00
 *     …            n       the message
 */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { ownBytes, ownCopy, plainView } from "./memory.ts";
import type { Random } from "./random.ts";
import { traceless } from "./traceless.ts";

const OVERHEAD = 11;
const LEAST_BITS = 1024;
const MOST_BITS = 16_384;

/** @throws KeywardError `malformed` unless it is PEM of an RSA key of 1,024 bits or more. */
export function readRsaPublicKey(pem: string, what: string): KeyObject {
  return rsaKey(() => createPublicKey(pem), what, "public key");
}

/** Without a passphrase. @throws KeywardError as `readRsaPublicKey` */
export function readRsaPrivateKey(pem: Uint8Array, what: string): KeyObject {
  return rsaKey(() => createPrivateKey(Buffer.from(pem)), what, "private key");
}

/**
 * @param random - Draws the padding.
 * @throws KeywardError `too-large` when the message does not fit the key.
 */
export function wrapRsa(message: Uint8Array, key: KeyObject, random: Random): Uint8Array {
  const size = modulusBytes(key);
  if (message.byteLength > size - OVERHEAD)
    throw new KeywardError(
      "too-large",
      `rsa: ${message.byteLength} bytes, and the key takes ${size - OVERHEAD}`,
    );
  const block = ownBytes(size);
  block[1] = 2;
  block.set(nonZero(size - message.byteLength - 3, random), 2);
  block.set(message, size - message.byteLength);
  try {
    return plainView(publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, block));
  } finally {
    block.fill(0);
  }
}

/** @returns The message, which the caller wipes; `null` when it was not made for this key. */
export function unwrapRsa(wrapped: Uint8Array, key: KeyObject): Uint8Array | null {
  if (wrapped.byteLength !== modulusBytes(key)) return null;
  const block = openBlock(wrapped, key);
  if (block === null) return null;
  const { start, fits } = messageIn(block);
  const message = fits ? ownCopy(block.subarray(start)) : null;
  block.fill(0);
  return message;
}

/** `null`: the number is not below the modulus. */
function openBlock(wrapped: Uint8Array, key: KeyObject): Uint8Array | null {
  try {
    return traceless(() => privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, wrapped));
  } catch {
    return null;
  }
}

/** Looks at every byte, whatever it holds. */
function messageIn(block: Uint8Array): { start: number; fits: boolean } {
  let zero = 0;
  let start = 0;
  for (let i = 2; i < block.byteLength; i++) {
    const here = isZero(block[i] ?? 0) & (1 ^ zero);
    start |= -here & (i + 1);
    zero |= here;
  }
  const wrong = (block[0] ?? 0) | ((block[1] ?? 0) ^ 2) | (zero ^ 1);
  // At least eight bytes of padding; a message of none wraps nothing.
  return { start, fits: wrong === 0 && start >= OVERHEAD && start < block.byteLength };
}

/** 1 for zero, 0 for other bytes, without a branch. */
function isZero(byte: number): number {
  return ((byte - 1) >>> 31) & 1;
}

function nonZero(length: number, random: Random): Uint8Array {
  const padding = ownBytes(length);
  for (let done = 0; done < length; ) {
    for (const byte of random(length - done)) if (byte !== 0) padding[done++] = byte;
  }
  return padding;
}

function modulusBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

function rsaKey(read: () => KeyObject, what: string, kind: string): KeyObject {
  try {
    const key = read();
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (key.asymmetricKeyType === "rsa" && bits >= LEAST_BITS && bits <= MOST_BITS) return key;
  } catch {
    // said below, without what the library says of it
  }
  throw new KeywardError("malformed", `${what}: want an RSA ${kind}, PEM, of ${LEAST_BITS} bits or more`);
}
