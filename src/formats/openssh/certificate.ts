/**
 * OpenSSH certificates: a public key, and for whom, until when and for what a CA vouches that it is good. The CA is an
 * ed25519 key; the key vouched for is of any type that is read here.
 *
 *     string    type: `ssh-ed25519-cert-v01@openssh.com`, say
 *     string    nonce, 32 random bytes
 *     …         the public key's fields
 *     uint64    serial number
 *     uint32    1 for a user, 2 for a host
 *     string    key id, which sshd writes to its log
 *     string    principals: strings one after the other
 *     uint64    valid from, seconds since 1970
 *     uint64    valid until, exclusive
 *     string    critical options: string name, string data; the data is again a string
 *     string    extensions: the same, most without data
 *     string    reserved, empty
 *     string    the CA's public key
 *     string    signature of all before: string `ssh-ed25519`, string of 64 bytes
 *
 * Source: OpenSSH, PROTOCOL.certkeys. Page: docs/formats/openssh.md. Tests: ssh-keygen -L and a real sshd.
 */
import { concat, fromBase64, toBase64 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { ed25519PublicKey, ed25519Sign, ed25519Verify } from "../../crypto/sign.ts";
import { createReader, string, uint32, uint64 } from "../ssh-wire.ts";
import {
  decodePublicKey,
  encodePublicKey,
  keyTypeOf,
  parseComment,
  readFields,
  type SshPublicKey,
} from "./public-key.ts";

export interface SshCertificate {
  readonly key: SshPublicKey;
  readonly serial: bigint;
  readonly type: "user" | "host";
  readonly keyId: string;
  /** User names, or host names; never empty: a certificate for nobody would be one for everybody. */
  readonly principals: readonly string[];
  /** Seconds since 1970. */
  readonly validFrom: number;
  /** Exclusive. */
  readonly validUntil: number;
  /** `force-command`, `source-address`, with their value. sshd refuses those that it does not know. */
  readonly critical: Readonly<Record<string, string>>;
  /** `permit-pty` and the like; for a host none. */
  readonly extensions: readonly string[];
}

const NONCE_SIZE = 32;
const MAX_CERTIFICATE = 16_384;
const MAX_NAME = 256;
const MAX_PRINCIPALS = 256;
const SUFFIX = "-cert-v01@openssh.com";
const types = ["user", "host"] as const;

/** @param ca - Its 32-byte seed. @param nonce - 32 random bytes. */
export function signCertificate(certificate: SshCertificate, ca: Uint8Array, nonce: Uint8Array): Uint8Array {
  if (nonce.byteLength !== NONCE_SIZE)
    throw new KeywardError("internal", "an SSH certificate's nonce has 32 bytes");
  assertContent(certificate);
  const { key, serial, type, keyId, principals, validFrom, validUntil, critical, extensions } = certificate;
  const signed = concat(
    string(keyTypeOf(key) + SUFFIX),
    string(nonce),
    fieldsOf(key),
    uint64(serial),
    uint32(types.indexOf(type) + 1),
    string(keyId),
    string(concat(...principals.map(string))),
    uint64(BigInt(validFrom)),
    uint64(BigInt(validUntil)),
    string(options(Object.entries(critical).map(([name, value]) => [name, string(value)] as const))),
    string(options(extensions.map((name) => [name, new Uint8Array()] as const))),
    string(""),
    string(encodePublicKey({ kind: "ed25519", key: ed25519PublicKey(ca) })),
  );
  return concat(signed, string(concat(string("ssh-ed25519"), string(ed25519Sign(ca, signed)))));
}

/** The line of a `-cert.pub` file. */
export function formatCertificateLine(certificate: Uint8Array, comment = ""): string {
  const type = createReader(certificate, "ssh certificate").text(64);
  const line = `${type} ${toBase64(certificate)}`;
  return comment === "" ? line : `${line} ${parseComment(comment)}`;
}

/** @throws KeywardError `malformed` */
export function parseCertificateLine(line: string, what = "ssh certificate"): Uint8Array {
  const [, type, blob] =
    /^([a-z0-9-]+-cert-v01@openssh\.com) ([A-Za-z0-9+/=]{1,24576})(?: [^\n]*)?\n?$/.exec(line) ?? [];
  if (blob === undefined)
    throw new KeywardError("malformed", `${what}: want a type and a certificate in base64`);
  const bytes = fromBase64(blob, what);
  if (createReader(bytes, what).text(64) !== type)
    throw new KeywardError("malformed", `${what}: two types are named`);
  return bytes;
}

/**
 * Read a certificate and check its signature. Whether it is in time, for whom it is and who trusts its CA is for the
 * caller to see.
 *
 * @throws KeywardError `malformed`; `integrity` when the signature is not its CA's
 */
export function decodeCertificate(
  bytes: Uint8Array,
  what = "ssh certificate",
): SshCertificate & { readonly ca: SshPublicKey } {
  if (bytes.byteLength > MAX_CERTIFICATE) throw new KeywardError("malformed", `${what}: is too long`);
  const bad = (why: string): KeywardError => new KeywardError("malformed", `${what}: ${why}`);
  const reader = createReader(bytes, what);
  const name = reader.text(64);
  if (!name.endsWith(SUFFIX)) throw bad("is no certificate");
  reader.string(NONCE_SIZE * 2);
  const key = readFields(reader, name.slice(0, -SUFFIX.length), what);
  const serial = reader.uint64();
  const type = types[reader.uint32() - 1];
  if (type === undefined) throw bad("is neither for a user nor for a host");
  const keyId = reader.text(1024);
  const principals = strings(reader.string(MAX_CERTIFICATE), what);
  const [validFrom, validUntil] = [seconds(reader.uint64()), seconds(reader.uint64())];
  const critical = Object.fromEntries(readOptions(reader.string(MAX_CERTIFICATE), what));
  const extensions = readOptions(reader.string(MAX_CERTIFICATE), what).map(([extension]) => extension);
  reader.string(0);
  const ca = decodePublicKey(reader.string(1024), what);
  const signed = bytes.subarray(0, reader.position());
  const signature = createReader(reader.string(1024), what);
  reader.end();
  const algorithm = signature.text(64);
  if (ca.kind !== "ed25519" || algorithm !== "ssh-ed25519") throw bad("its CA is no ed25519 key");
  const sound = ed25519Verify(ca.key, signed, signature.string(64));
  signature.end();
  if (!sound) throw new KeywardError("integrity", `${what}: is not signed by the CA that it names`);
  return { key, serial, type, keyId, principals, validFrom, validUntil, critical, extensions, ca };
}

/** Without the type in front. */
function fieldsOf(key: SshPublicKey): Uint8Array {
  return encodePublicKey(key).subarray(string(keyTypeOf(key)).byteLength);
}

/** In order of name, as sshd wants them. */
function options(pairs: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));
  return concat(...sorted.map(([name, data]) => concat(string(name), string(data))));
}

function readOptions(bytes: Uint8Array, what: string): [string, string][] {
  const reader = createReader(bytes, what);
  const found: [string, string][] = [];
  while (!reader.isAtEnd()) {
    const name = reader.text(MAX_NAME);
    const data = reader.string(MAX_CERTIFICATE);
    const last = found.at(-1)?.[0];
    if (last !== undefined && last >= name)
      throw new KeywardError("malformed", `${what}: options are not in order`);
    found.push([name, data.byteLength === 0 ? "" : only(data, what)]);
  }
  return found;
}

function only(data: Uint8Array, what: string): string {
  const reader = createReader(data, what);
  const text = reader.text(MAX_CERTIFICATE);
  reader.end();
  return text;
}

function strings(bytes: Uint8Array, what: string): string[] {
  const reader = createReader(bytes, what);
  const found: string[] = [];
  while (!reader.isAtEnd()) {
    if (found.length >= MAX_PRINCIPALS) throw new KeywardError("malformed", `${what}: too many principals`);
    found.push(reader.text(MAX_NAME));
  }
  return found;
}

/** `2^64 − 1` is for ever. */
function seconds(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}

function assertContent({
  keyId,
  principals,
  validFrom,
  validUntil,
  critical,
  extensions,
}: SshCertificate): void {
  const refuse = (why: string): KeywardError => new KeywardError("usage", `ssh certificate: ${why}`);
  const names = [keyId, ...principals, ...Object.keys(critical), ...extensions];
  if (names.some((name) => name === "" || name.length > MAX_NAME || /[\p{Cc}\s,]/u.test(name)))
    throw refuse("names have no blanks, commas or control characters");
  if (principals.length === 0 || principals.length > MAX_PRINCIPALS)
    throw refuse(`want 1 to ${MAX_PRINCIPALS} principals`);
  const inTime = Number.isSafeInteger(validFrom) && Number.isSafeInteger(validUntil);
  if (!inTime || validFrom < 0 || validUntil <= validFrom) throw refuse("ends before it begins");
}
