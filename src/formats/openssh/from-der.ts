/** Private keys as OpenSSL writes them (PKCS #1, SEC 1), for OpenSSH. What comes back are copies, to be wiped. */
import { KeywardError } from "../../base/errors.ts";
import { ownCopy } from "../../crypto/memory.ts";
import { contentOf, readElements, readOnly } from "../der.ts";
import { withoutZeros } from "../ssh-wire.ts";
import type { SshPrivateKey } from "./private-key.ts";
import { assertPoint, curves, type SshCurve } from "./public-key.ts";

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const SEQUENCE = 0x30;
const PUBLIC_KEY = 0xa1;

/**
 * RSAPrivateKey: version, n, e, d, p, q, d mod p−1, d mod q−1, the inverse of q modulo p (RFC 8017, A.1.2).
 *
 * @throws KeywardError `malformed`
 */
export function rsaFromPkcs1(der: Uint8Array): SshPrivateKey {
  const what = "PKCS #1 key";
  const elements = readElements(readOnly(der, SEQUENCE, what), what);
  if (elements.length !== 9) throw new KeywardError("malformed", `${what}: not one of two primes`);
  const number = (i: number): Uint8Array => ownCopy(withoutZeros(contentOf(elements[i], INTEGER, what)));
  return {
    kind: "rsa",
    n: number(1),
    e: number(2),
    d: number(3),
    p: number(4),
    q: number(5),
    iqmp: number(8),
  };
}

/**
 * ECPrivateKey: version, scalar, [0] the curve, [1] the point (RFC 5915, section 3).
 *
 * @throws KeywardError `malformed`
 */
export function ecdsaFromSec1(der: Uint8Array, curve: SshCurve): SshPrivateKey {
  const what = "SEC 1 key";
  const elements = readElements(readOnly(der, SEQUENCE, what), what);
  const scalar = contentOf(elements[1], OCTET_STRING, what);
  const last = readOnly(contentOf(elements.at(-1), PUBLIC_KEY, what), BIT_STRING, what);
  // The first byte of a BIT STRING counts its unused bits.
  if (scalar.byteLength !== curves[curve].scalarSize || last[0] !== 0) {
    throw new KeywardError("malformed", `${what}: not on the curve that was expected`);
  }
  return {
    kind: "ecdsa",
    curve,
    point: ownCopy(assertPoint(curve, last.subarray(1), what)),
    scalar: ownCopy(scalar),
  };
}
