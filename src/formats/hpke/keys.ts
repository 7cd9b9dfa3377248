/**
 * The keys of HPKE envelopes as text: PKCS #8 and SubjectPublicKeyInfo (RFC 8410), as PEM or as the base64 of the
 * same bytes on one line, which fits a variable. OpenSSL makes and reads them. An environment has an X25519 pair;
 * a writer has an Ed25519 pair.
 */
import { concat, fields, fromBase64, fromHex, toBase64, toHex, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { x25519PublicKey } from "../../crypto/agree.ts";
import { sha256 } from "../../crypto/hash.ts";
import type { Random } from "../../crypto/random.ts";
import { ed25519PublicKey } from "../../crypto/sign.ts";

export type RecipientPublicKey = Uint8Array & { readonly is: "hpke-recipient-public-key" };
export type WriterPublicKey = Uint8Array & { readonly is: "hpke-writer-public-key" };

/** An environment: whoever holds the private half opens what was sealed to it. */
export interface Recipient {
  readonly publicKey: RecipientPublicKey;
  readonly privateKey: Secret;
}

/** Who seals: the seed of an Ed25519 key. */
export interface Writer {
  readonly publicKey: WriterPublicKey;
  readonly seed: Secret;
}

/** 16 hexadecimal digits that name a public key. */
export type KeyId = string & { readonly is: "hpke-key-id" };

export const KEY_ID_SIZE = 8;
const KEY_SIZE = 32;
const MAX_KEY_TEXT = 4096;

/** What stands before the raw key (RFC 8410, sections 4 and 7). */
const heads = {
  "an X25519 public key": fromHex("302a300506032b656e032100", "SPKI head"),
  "an X25519 private key": fromHex("302e020100300506032b656e04220420", "PKCS #8 head"),
  "an Ed25519 public key": fromHex("302a300506032b6570032100", "SPKI head"),
  "an Ed25519 private key": fromHex("302e020100300506032b657004220420", "PKCS #8 head"),
} as const;
type KeyKind = keyof typeof heads;

export function generateRecipient(random: Random): Recipient {
  return recipientOf(Secret.take(random(KEY_SIZE)));
}

export function generateWriter(random: Random): Writer {
  return writerOf(Secret.take(random(KEY_SIZE)));
}

export function recipientKeyId(key: RecipientPublicKey): KeyId {
  return toHex(keyIdBytes("recipient", key)) as KeyId;
}

export function writerKeyId(key: WriterPublicKey): KeyId {
  return toHex(keyIdBytes("writer", key)) as KeyId;
}

/** The first 8 bytes of SHA-256 over a label and the key. */
function keyIdBytes(role: "recipient" | "writer", key: Uint8Array): Uint8Array {
  return sha256(fields(`keyward/hpke/v1/${role}`, key)).subarray(0, KEY_ID_SIZE);
}

/** @param what - Names the place in errors. @throws KeywardError `malformed` */
export function parseRecipientPublicKey(text: string, what: string): RecipientPublicKey {
  return parsePublic("an X25519 public key", text, what) as RecipientPublicKey;
}

/** @param what - Names the place in errors. @throws KeywardError `malformed` */
export function parseWriterPublicKey(text: string, what: string): WriterPublicKey {
  return parsePublic("an Ed25519 public key", text, what) as WriterPublicKey;
}

/** @param what - Names the place in errors. @throws KeywardError `malformed` */
export function parseRecipient(text: string, what: string): Recipient {
  return recipientOf(parseKey("an X25519 private key", text, what));
}

/** @param what - Names the place in errors. @throws KeywardError `malformed` */
export function parseWriter(text: string, what: string): Writer {
  return writerOf(parseKey("an Ed25519 private key", text, what));
}

/** PEM. */
export function formatRecipientPublicKey(key: RecipientPublicKey): string {
  return pem("PUBLIC KEY", "an X25519 public key", key);
}

/** PEM. */
export function formatWriterPublicKey(key: WriterPublicKey): string {
  return pem("PUBLIC KEY", "an Ed25519 public key", key);
}

/** PEM, which the caller keeps from others. */
export function formatRecipient({ privateKey }: Recipient): Secret {
  return Secret.take(utf8(pem("PRIVATE KEY", "an X25519 private key", privateKey.reveal())));
}

/** PEM, which the caller keeps from others. */
export function formatWriter({ seed }: Writer): Secret {
  return Secret.take(utf8(pem("PRIVATE KEY", "an Ed25519 private key", seed.reveal())));
}

function recipientOf(privateKey: Secret): Recipient {
  return { publicKey: x25519PublicKey(privateKey.reveal()) as RecipientPublicKey, privateKey };
}

function writerOf(seed: Secret): Writer {
  return { publicKey: ed25519PublicKey(seed.reveal()) as WriterPublicKey, seed };
}

function pem(label: string, kind: KeyKind, key: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${toBase64(concat(heads[kind], key))}\n-----END ${label}-----\n`;
}

function parsePublic(kind: KeyKind, text: string, what: string): Uint8Array {
  return new Uint8Array(parseKey(kind, text, what).reveal());
}

function parseKey(kind: KeyKind, text: string, what: string): Secret {
  const head = heads[kind];
  const der = fromBase64(bodyOf(text, what), what);
  const fits = der.byteLength === head.byteLength + KEY_SIZE && head.every((byte, i) => der[i] === byte);
  const key = Secret.copy(der.subarray(fits ? head.byteLength : der.byteLength));
  der.fill(0);
  if (fits) return key;
  throw new KeywardError("malformed", `${what}: not ${kind}`, {
    hint: "want PEM, or the base64 inside it on one line",
  });
}

/** The base64 of one PEM block, or of a line alone. */
function bodyOf(text: string, what: string): string {
  if (text.length > MAX_KEY_TEXT) throw new KeywardError("malformed", `${what}: too long for a key`);
  const trimmed = text.trim();
  if (!trimmed.startsWith("-----BEGIN ")) return trimmed;
  const body = /^-----BEGIN (PUBLIC|PRIVATE) KEY-----\s+([A-Za-z0-9+/=\s]+)-----END \1 KEY-----$/.exec(
    trimmed,
  )?.[2];
  if (body === undefined) throw new KeywardError("malformed", `${what}: not one PEM block of a key`);
  return body.replace(/\s/g, "");
}
