/**
 * Public keys as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): which are accepted, and their fingerprints.
 * OpenSSL does the arithmetic, points off the curve included.
 */
import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";

/** SHA-256 of the bytes, lower-case hex: of a public key's DER, or of a certificate's. */
export function fingerprintOf(der: Uint8Array): string {
  return hash("sha256", der, "hex");
}

/**
 * P-256, Ed25519, or RSA of 2,048 to 8,192 bits with an odd exponent from 65,537 up.
 *
 * @param spki - DER.
 * @throws KeywardError `malformed`; `usage` for a key of another kind or size.
 */
export function openPublicKey(spki: Uint8Array, what: string): KeyObject {
  const key = read(spki, what);
  if (isAccepted(key, spki)) return key;
  throw new KeywardError("usage", `${what}: want a key on P-256, Ed25519, or RSA of 2048 to 8192 bits`, {
    hint: "make a new key, as with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
  });
}

function read(spki: Uint8Array, what: string): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    // What OpenSSL writes again is what was read: no other form of the same key.
    if (key.export({ format: "der", type: "spki" }).equals(spki)) return key;
  } catch {}
  throw new KeywardError("malformed", `${what}: a public key that cannot be read`);
}

/** SubjectPublicKeyInfo of a key on P-256, named and not spelled out, up to its uncompressed point. */
const p256Head = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";

function isAccepted({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject, spki: Uint8Array): boolean {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails;
  switch (asymmetricKeyType) {
    case "ed25519":
      return true;
    case "ec":
      return spki.byteLength === 91 && toHex(spki).startsWith(p256Head);
    case "rsa":
      return (
        modulusLength >= 2048 &&
        modulusLength <= 8192 &&
        publicExponent >= 65_537n &&
        publicExponent < 2n ** 32n
      );
    default:
      return false;
  }
}
