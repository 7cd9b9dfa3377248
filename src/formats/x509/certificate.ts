/**
 * Certificates (RFC 5280 section 4.1), read for what Keyward needs to know of one whose chain OpenSSL has
 * verified: serial number, dates, key, names, purposes.
 *
 *     Certificate     ::= SEQ { tbs, signatureAlgorithm, signature }
 *     TBSCertificate  ::= SEQ { [0] version, serial, signature, issuer, validity, subject, key,
 *                               [1]?, [2]?, [3] { SEQ OF extension } }
 */
import { fromUtf8, toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { UnixMs } from "../../base/time.ts";
import { context, type Element, positive, type Reader, readWhole, tags } from "./der.ts";
import { EXTENDED_KEY_USAGE, readExtensions, SUBJECT_ALT_NAME } from "./extension.ts";
import { parsePem } from "./pem.ts";
import { fingerprintOf } from "./public-key.ts";
import { readSans, type San } from "./san.ts";

export interface CertificateFacts {
  /** Lower-case hex, whole bytes. */
  readonly serial: string;
  readonly notBefore: UnixMs;
  readonly notAfter: UnixMs;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** SHA-256 of `publicKey`, lower-case hex. */
  readonly keyFingerprint: string;
  /** SHA-256 of the whole certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly names: readonly San[];
  /** For TLS clients: the extended key usage says so. */
  readonly client: boolean;
  readonly server: boolean;
}

/** Bytes of DER. */
const MAX_CERTIFICATE = 16_384;
const what = "certificate";

const SERVER_AUTH = "2b06010505070301";
const CLIENT_AUTH = "2b06010505070302";

/** @throws KeywardError `malformed`, `too-large`, `usage` */
export function readCertificate(bytes: Uint8Array): CertificateFacts {
  if (bytes.byteLength > MAX_CERTIFICATE) {
    throw new KeywardError("too-large", `${what}: more than ${MAX_CERTIFICATE} bytes`);
  }
  const certificate = readWhole(bytes, what);
  const tbs = certificate.enter();
  certificate.next(tags.sequence);
  certificate.next(tags.bitString);
  certificate.end();
  return { ...readTbs(tbs), fingerprint: fingerprintOf(bytes) };
}

/** @throws KeywardError `malformed`, `too-large`, `usage` */
export function parseCertificate(pem: string): CertificateFacts {
  return readCertificate(parsePem(pem, "CERTIFICATE", MAX_CERTIFICATE * 2));
}

function readTbs(tbs: Reader): Omit<CertificateFacts, "fingerprint"> {
  const version = tbs.enter(context(0)).next(tags.integer).content;
  if (version.byteLength !== 1 || version[0] !== 2)
    throw new KeywardError("malformed", `${what}: want version 3`);
  const serial = positive(tbs.next(tags.integer), `${what}: serial number`);
  tbs.next(tags.sequence);
  tbs.next(tags.sequence);
  const validity = tbs.enter();
  const notBefore = timeOf(validity.next());
  const notAfter = timeOf(validity.next());
  validity.end();
  tbs.next(tags.sequence);
  const publicKey = tbs.next(tags.sequence).whole;
  tbs.optional(context(1) & ~0x20);
  tbs.optional(context(2) & ~0x20);
  const ours = readOurs(tbs);
  tbs.end();
  return { serial, notBefore, notAfter, publicKey, keyFingerprint: fingerprintOf(publicKey), ...ours };
}

function readOurs(tbs: Reader): Pick<CertificateFacts, "names" | "client" | "server"> {
  const outer = tbs.enter(context(3));
  const extensions = readExtensions(outer.enter(), what);
  outer.end();
  const names = extensions.get(SUBJECT_ALT_NAME);
  const usage = extensions.get(EXTENDED_KEY_USAGE);
  const purposes = usage === undefined ? [] : readPurposes(usage);
  return {
    names: names === undefined ? [] : readSans(names, what),
    client: purposes.includes(CLIENT_AUTH),
    server: purposes.includes(SERVER_AUTH),
  };
}

function readPurposes(value: Uint8Array): string[] {
  const reader = readWhole(value, what);
  const found: string[] = [];
  while (reader.more) found.push(toHex(reader.next(tags.oid).content));
  return found;
}

/** UTCTime `YYMMDDHHMMSSZ` (1950 to 2049) or GeneralizedTime `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5). */
function timeOf({ tag, content }: Element): UnixMs {
  const text = fromUtf8(content, `${what}: date`);
  const form = tag === tags.utcTime ? /^[0-9]{12}Z$/ : tag === tags.generalizedTime ? /^[0-9]{14}Z$/ : null;
  if (form === null || !form.test(text))
    throw new KeywardError("malformed", `${what}: a date in another form`);
  const full = tag === tags.utcTime ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)(..)(..)(..)Z$/.exec(full) ?? [];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const at = Date.parse(iso);
  if (Number.isNaN(at) || new Date(at).toISOString() !== iso) {
    throw new KeywardError("malformed", `${what}: a date that does not exist`);
  }
  return at as UnixMs;
}
