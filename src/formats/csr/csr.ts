/**
 * CSR: a certificate request (PKCS #10, RFC 2986) for a P-256 key, signed with ecdsa-with-SHA256 (RFC 5758
 * section 3.2). It is only written here: four nested structures, small enough to do without a library.
 *
 *     CertificationRequest ::= SEQUENCE {
 *       certificationRequestInfo  SEQUENCE {
 *         version                 INTEGER 0,
 *         subject                 Name: a common name, or nothing,
 *         subjectPKInfo           SubjectPublicKeyInfo,
 *         attributes              [0] IMPLICIT SET OF Attribute: none },
 *       signatureAlgorithm        SEQUENCE { OBJECT IDENTIFIER 1.2.840.10045.4.3.2 },
 *       signature                 BIT STRING }
 *
 * Spec: docs/formats/csr.md.
 */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { concat, toBase64, utf8 } from "../../base/bytes.ts";

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const SEQUENCE = 0x30;
const SET = 0x31;
const CONTEXT_0 = 0xa0;

/** 1.2.840.10045.4.3.2 (ecdsa-with-SHA256) and 2.5.4.3 (commonName), as their contents. */
const ecdsaWithSha256 = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);
const commonNameType = Uint8Array.of(0x55, 0x04, 0x03);

/** Longest common name (RFC 5280, appendix A.1: ub-common-name). */
const MAX_COMMON_NAME = 64;

/**
 * @param key - A P-256 private key.
 * @param commonName - A longer one than X.509 can name is left out: who signs decides the name anyway.
 * @returns PEM.
 */
export function createCsr(key: KeyObject, commonName: string): string {
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const version = der(INTEGER, Uint8Array.of(0));
  const info = der(SEQUENCE, version, nameOf(commonName), publicKey, der(CONTEXT_0));
  const algorithm = der(SEQUENCE, der(OBJECT_IDENTIFIER, ecdsaWithSha256));
  const signature = der(BIT_STRING, Uint8Array.of(0), sign("sha256", info, key));
  return pem(der(SEQUENCE, info, algorithm, signature));
}

function nameOf(commonName: string): Uint8Array {
  if (commonName === "" || commonName.length > MAX_COMMON_NAME) return der(SEQUENCE);
  const value = der(UTF8_STRING, utf8(commonName));
  return der(SEQUENCE, der(SET, der(SEQUENCE, der(OBJECT_IDENTIFIER, commonNameType), value)));
}

/** Tag, length, contents (X.690 section 8.1). */
function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(...contents);
  return concat(Uint8Array.of(tag), lengthOf(content.byteLength), content);
}

/** The short form below 128, else the long form (X.690 section 8.1.3). */
function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  return Uint8Array.of(0x82, length >> 8, length & 0xff);
}

function pem(bytes: Uint8Array): string {
  const base64 = toBase64(bytes).replace(/.{64}(?!$)/g, "$&\n");
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`;
}
