/** New RSA and elliptic-curve keys, from OpenSSL's generator, made on another thread. DER, which the caller wipes. */
import { generateKeyPair } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { ownCopy } from "./memory.ts";

export type RsaBits = 2048 | 3072 | 4096;
export type Curve = "p256" | "p384";

const curveNames = { p256: "prime256v1", p384: "secp384r1" } as const;

/** @param type - `pkcs1`: RSAPrivateKey (RFC 8017, appendix A.1.2); `pkcs8`: PrivateKeyInfo (RFC 5208). */
export function generateRsa(bits: RsaBits, type: "pkcs1" | "pkcs8"): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const privateKeyEncoding = { format: "der", type } as const;
    const publicKeyEncoding = { format: "der", type: "spki" } as const;
    const encodings = { modulusLength: bits, publicKeyEncoding, privateKeyEncoding };
    generateKeyPair("rsa", encodings, answer(resolve, reject));
  });
}

/** @param type - `sec1`: ECPrivateKey (RFC 5915); `pkcs8`: PrivateKeyInfo (RFC 5208). */
export function generateEc(curve: Curve, type: "sec1" | "pkcs8"): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const privateKeyEncoding = { format: "der", type } as const;
    const publicKeyEncoding = { format: "der", type: "spki" } as const;
    const encodings = { namedCurve: curveNames[curve], publicKeyEncoding, privateKeyEncoding };
    generateKeyPair("ec", encodings, answer(resolve, reject));
  });
}

function answer(resolve: (der: Uint8Array) => void, reject: (error: KeywardError) => void) {
  return (error: Error | null, _publicKey: Buffer, privateKey: Buffer): void => {
    // Node says null when there is none, Bun undefined.
    if (error) {
      reject(new KeywardError("internal", "a key pair was not made", { cause: error }));
      return;
    }
    resolve(ownCopy(privateKey));
    privateKey.fill(0);
  };
}
