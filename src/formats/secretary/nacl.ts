/**
 * `ENC[NACL,…]`: a value that one key pair sealed to another.
 *
 *     offset  bytes   field (after base64)
 *     0       24      nonce, random
 *     24      16      tag
 *     40      n       ciphertext
 *
 * XSalsa20-Poly1305 under the box key of the two pairs. There is no version, no key id and no associated data,
 * and who can seal can also open. Spec: docs/formats/secretary.md. Vectors: test/vectors/secretary/.
 */
import { concat, toBase64 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { BOX_NONCE_SIZE, BOX_TAG_SIZE, openBox, sealBox } from "../../crypto/box.ts";
import { bodyOf, envelopeText } from "./envelope-text.ts";
import type { BoxKey } from "./keys.ts";

export const NACL_NONCE_SIZE = BOX_NONCE_SIZE;
/** Bytes that the decoded envelope is longer than its value. */
export const NACL_OVERHEAD = BOX_NONCE_SIZE + BOX_TAG_SIZE;

export interface NaclEnvelope {
  readonly nonce: Uint8Array;
  /** Tag and ciphertext. */
  readonly box: Uint8Array;
}

/** @param nonce - 24 random bytes, never used before with this key. */
export function sealNacl(key: BoxKey, nonce: Uint8Array, value: Uint8Array): string {
  return envelopeText("NACL", toBase64(concat(nonce, sealBox(key.reveal(), nonce, value))));
}

/** @throws KeywardError `malformed`, `too-large`; `what` names the place. */
export function parseNacl(text: string, what: string): NaclEnvelope {
  const bytes = bodyOf("NACL", text, what);
  if (bytes.byteLength < NACL_OVERHEAD)
    throw new KeywardError(
      "malformed",
      `${what}: ${bytes.byteLength} bytes, shorter than the ${NACL_OVERHEAD} of an empty value`,
    );
  return { nonce: bytes.subarray(0, BOX_NONCE_SIZE), box: bytes.subarray(BOX_NONCE_SIZE) };
}

/** @returns The value, which the caller wipes; `null` when it was sealed with other keys, or changed. */
export function tryNacl(key: BoxKey, { nonce, box }: NaclEnvelope): Secret | null {
  const value = openBox(key.reveal(), nonce, box);
  return value === null ? null : Secret.take(value);
}

/** @throws KeywardError `malformed`, `too-large`; `wrong-key` when sealed with other keys, or changed. */
export function openNacl(key: BoxKey, text: string, what: string): Secret {
  const value = tryNacl(key, parseNacl(text, what));
  if (value !== null) return value;
  throw new KeywardError("wrong-key", `${what}: sealed with other keys, or changed`, {
    hint: "check the public key of the sender and the private key of the recipient",
  });
}
