/**
 * Issuing (RFC 5280): CAs, cross-certificates between them, and leaves. ECDSA on P-256 with SHA-256.
 *
 *     CA      CA:TRUE; keyCertSign, cRLSign                        10 years
 *     cross   the same: the new CA's name and key, signed by the old one
 *     leaf    CA:FALSE; digitalSignature; clientAuth and/or serverAuth; names
 *
 * Key identifiers are the first 20 bytes of SHA-256 of the SubjectPublicKeyInfo (RFC 7093 section 2, method 4).
 */
import { webcrypto } from "node:crypto";
import { toHex } from "../../base/bytes.ts";
import { Secret } from "../../base/secret.ts";
import type { UnixMs } from "../../base/time.ts";
import type { Random } from "../../crypto/random.ts";
import { type Library, loadLibrary } from "./library.ts";
import { formatPem } from "./pem.ts";
import { fingerprintOf, openPublicKey } from "./public-key.ts";
import type { San } from "./san.ts";

const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
export const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;

export interface Validity {
  readonly notBefore: UnixMs;
  readonly notAfter: UnixMs;
}

/** What signs: a CA's certificate and its private key, opened. */
export interface Issuer {
  /** PEM. */
  readonly pem: string;
  readonly key: webcrypto.CryptoKey;
}

export interface NewCa {
  /** PEM, self-signed. */
  readonly pem: string;
  /** SHA-256 of the certificate's DER, lower-case hex. */
  readonly fingerprint: string;
  /** PKCS #8, DER. */
  readonly privateKey: Secret;
}

export type Usage = "client" | "server";

export interface Leaf extends Validity {
  /** SubjectPublicKeyInfo, DER: one that `openPublicKey` accepts. */
  readonly publicKey: Uint8Array;
  /** Left out when it is longer than 64 characters. */
  readonly commonName: string;
  readonly names: readonly San[];
  readonly usages: readonly Usage[];
  /** Lower-case hex, from `makeSerial`. */
  readonly serial: string;
}

/** 16 random bytes, the first from 0x40 to 0x7f: positive, and always as long (RFC 5280 section 4.1.2.2). */
export function makeSerial(random: Random): string {
  const bytes = random(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return toHex(bytes);
}

export async function makeCa({ random, ...validity }: Validity & { random: Random }): Promise<NewCa> {
  const x509 = await loadLibrary();
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const spki = new Uint8Array(await webcrypto.subtle.exportKey("spki", keys.publicKey));
  const name = [{ CN: [`Keyward CA ${fingerprintOf(spki).slice(0, 8)}`] }];
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(validity, makeSerial(random)),
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: caExtensions(x509, spki, spki),
  });
  const privateKey = Secret.take(new Uint8Array(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)));
  return { pem: pemOf(certificate), fingerprint: fingerprintOf(derOf(certificate)), privateKey };
}

/** @param privateKey - PKCS #8, DER: wiped by the caller. */
export async function openIssuer(pem: string, privateKey: Secret): Promise<Issuer> {
  const bytes = Buffer.from(privateKey.reveal());
  const key = await webcrypto.subtle.importKey("pkcs8", bytes, CURVE, false, ["sign"]);
  bytes.fill(0);
  return { pem, key };
}

/**
 * The new CA's name and key in a certificate by the old CA: who trusts only the old one follows it to the new.
 *
 * @param pem - The new CA, self-signed.
 */
export async function crossSign(
  old: Issuer,
  pem: string,
  { random, ...validity }: Validity & { random: Random },
): Promise<string> {
  const x509 = await loadLibrary();
  const [from, to] = [new x509.X509Certificate(old.pem), new x509.X509Certificate(pem)];
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(validity, makeSerial(random)),
    subject: to.subjectName,
    issuer: from.subjectName,
    publicKey: new x509.PublicKey(to.publicKey.rawData),
    signingKey: old.key,
    extensions: caExtensions(
      x509,
      new Uint8Array(to.publicKey.rawData),
      new Uint8Array(from.publicKey.rawData),
    ),
  });
  return pemOf(certificate);
}

/** @returns PEM. @throws KeywardError `usage`, `malformed` for a key that is not accepted. */
export async function issueLeaf(issuer: Issuer, leaf: Leaf): Promise<string> {
  const { asymmetricKeyType } = openPublicKey(leaf.publicKey, "certificate");
  const x509 = await loadLibrary();
  const ca = new x509.X509Certificate(issuer.pem);
  const named = leaf.commonName !== "" && leaf.commonName.length <= 64;
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(leaf, leaf.serial),
    subject: named ? [{ CN: [leaf.commonName] }] : [],
    issuer: ca.subjectName,
    publicKey: new x509.PublicKey(own(leaf.publicKey)),
    signingKey: issuer.key,
    extensions: leafExtensions(x509, leaf, {
      authority: new Uint8Array(ca.publicKey.rawData),
      rsa: asymmetricKeyType === "rsa",
      critical: !named,
    }),
  });
  return pemOf(certificate);
}

function common({ notBefore, notAfter }: Validity, serialNumber: string) {
  const dates = { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
  return { ...dates, serialNumber, signingAlgorithm: SIGNATURE };
}

/** No path length: after n rotations a chain has n cross-certificates. The CA signs no other CAs. */
function caExtensions(x509: Library, subject: Uint8Array, authority: Uint8Array) {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
    new x509.SubjectKeyIdentifierExtension(keyIdOf(subject)),
    new x509.AuthorityKeyIdentifierExtension(keyIdOf(authority)),
  ];
}

interface LeafContext {
  readonly authority: Uint8Array;
  /** RSA keys may also be sent keys, which TLS 1.2 needs. */
  readonly rsa: boolean;
  /** Without a subject, the names must be critical (RFC 5280 section 4.2.1.6). */
  readonly critical: boolean;
}

function leafExtensions(x509: Library, leaf: Leaf, { authority, rsa, critical }: LeafContext) {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  const purposes = leaf.usages.map((usage) => (usage === "client" ? clientAuth : serverAuth));
  const names = leaf.names.map(({ kind, value }) => ({
    type: kind === "uri" ? ("url" as const) : kind,
    value,
  }));
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(rsa ? digitalSignature | keyEncipherment : digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(purposes),
    new x509.SubjectAlternativeNameExtension(names, critical),
    new x509.SubjectKeyIdentifierExtension(keyIdOf(leaf.publicKey)),
    new x509.AuthorityKeyIdentifierExtension(keyIdOf(authority)),
  ];
}

export function keyIdOf(spki: Uint8Array): string {
  return fingerprintOf(spki).slice(0, 40);
}

/** A copy that is not a part of a larger buffer: the library takes the whole buffer. */
export function own(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

function derOf(certificate: { rawData: ArrayBuffer }): Uint8Array {
  return new Uint8Array(certificate.rawData);
}

function pemOf(certificate: { rawData: ArrayBuffer }): string {
  return formatPem("CERTIFICATE", derOf(certificate));
}
