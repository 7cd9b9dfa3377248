/**
 * Certificate requests (PKCS #10, RFC 2986), read strictly.
 *
 *     CertificationRequest      ::= SEQ { info, signatureAlgorithm SEQ { OID, … }, signature BIT STRING }
 *     CertificationRequestInfo  ::= SEQ { version INTEGER 0, subject Name, key SubjectPublicKeyInfo, [0] attributes }
 *     attribute extensionRequest: SET { SEQ OF SEQ { OID, critical BOOLEAN?, OCTET STRING } }
 *
 * Of the extensions, only the names are read: what else a certificate says is for the CA to decide. Agents write
 * their requests by `formats/csr`.
 */
import { verify } from "node:crypto";
import { fromUtf8, toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { context, type Element, type Reader, readDer, readWhole, tags, wholeBits } from "./der.ts";
import { readExtensions, SUBJECT_ALT_NAME } from "./extension.ts";
import { parsePem } from "./pem.ts";
import { fingerprintOf, openPublicKey } from "./public-key.ts";
import { readSans, type San } from "./san.ts";

/** Characters of PEM. */
export const MAX_REQUEST = 16_384;

export interface CertificateRequest {
  /** The subject's common name; `null` when it has none. */
  readonly commonName: string | null;
  readonly names: readonly San[];
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** SHA-256 of `publicKey`, lower-case hex. */
  readonly fingerprint: string;
}

const what = "certificate request";

/** Object identifiers, as hex of their DER content. */
const oids = {
  commonName: "550403",
  extensionRequest: "2a864886f70d01090e",
  subjectAltName: "551d11",
} as const;

/** SHA-2 only. The key decides whether the algorithm fits it. */
const signatures: Readonly<Record<string, { key: string; digest: string | null }>> = {
  "2a8648ce3d040302": { key: "ec", digest: "sha256" },
  "2a8648ce3d040303": { key: "ec", digest: "sha384" },
  "2a8648ce3d040304": { key: "ec", digest: "sha512" },
  "2a864886f70d01010b": { key: "rsa", digest: "sha256" },
  "2a864886f70d01010c": { key: "rsa", digest: "sha384" },
  "2a864886f70d01010d": { key: "rsa", digest: "sha512" },
  "2b6570": { key: "ed25519", digest: null },
};

/**
 * Read a request and verify that who made it has the private key.
 *
 * @throws KeywardError `malformed`, `too-large`; `usage` for a key or a name of a kind that is not signed.
 */
export function parseRequest(pem: string): CertificateRequest {
  const request = readWhole(parsePem(pem, "CERTIFICATE REQUEST", MAX_REQUEST), what);
  const info = request.next(tags.sequence);
  const algorithm = request.enter();
  const signature = wholeBits(request.next(tags.bitString), what);
  request.end();
  const read = readInfo(readDer(info.content, what));
  assertSigned(info, toHex(algorithm.next(tags.oid).content), signature, read.publicKey);
  return { ...read, fingerprint: fingerprintOf(read.publicKey) };
}

function readInfo(info: Reader): Omit<CertificateRequest, "fingerprint"> {
  const version = info.next(tags.integer).content;
  if (version.byteLength !== 1 || version[0] !== 0)
    throw new KeywardError("malformed", `${what}: want version 1`);
  const commonName = readCommonName(info.enter());
  const publicKey = info.next(tags.sequence).whole;
  const names = readNames(info.enter(context(0)));
  info.end();
  return { commonName, names, publicKey };
}

/** Name: a sequence of sets of { OID, value }. */
function readCommonName(name: Reader): string | null {
  let found: string | null = null;
  while (name.more) {
    const set = name.enter(tags.set);
    while (set.more) {
      const attribute = set.enter();
      const oid = toHex(attribute.next(tags.oid).content);
      const value = attribute.next();
      attribute.end();
      if (oid !== oids.commonName) continue;
      if (found !== null) throw new KeywardError("malformed", `${what}: more than one common name`);
      found = textOf(value);
    }
  }
  return found;
}

function textOf({ tag, content }: Element): string {
  if (tag !== tags.utf8String && tag !== tags.printableString && tag !== tags.ia5String) {
    throw new KeywardError("malformed", `${what}: a common name that is not UTF-8 or ASCII`);
  }
  if (content.byteLength > 256)
    throw new KeywardError("too-large", `${what}: a common name of more than 256 bytes`);
  return fromUtf8(content, `${what}: common name`);
}

function readNames(attributes: Reader): readonly San[] {
  let found: readonly San[] | null = null;
  while (attributes.more) {
    const attribute = attributes.enter();
    const oid = toHex(attribute.next(tags.oid).content);
    const values = attribute.enter(tags.set);
    attribute.end();
    if (oid !== oids.extensionRequest) continue;
    if (found !== null) throw new KeywardError("malformed", `${what}: more than one list of extensions`);
    const names = readExtensions(values.enter(), what).get(SUBJECT_ALT_NAME);
    values.end();
    found = names === undefined ? [] : readSans(names, what);
  }
  return found ?? [];
}

function assertSigned(info: Element, oid: string, signature: Uint8Array, spki: Uint8Array): void {
  const key = openPublicKey(spki, what);
  const algorithm = signatures[oid];
  if (algorithm === undefined || algorithm.key !== key.asymmetricKeyType) {
    throw new KeywardError(
      "usage",
      `${what}: want a signature with SHA-256 or better, by the request's own key`,
    );
  }
  if (!verify(algorithm.digest, info.whole, key, signature)) {
    throw new KeywardError("malformed", `${what}: the signature does not fit`);
  }
}
