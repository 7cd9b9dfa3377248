/**
 * `ENC[HPKE,…]` v1: a value sealed to an environment's public key, signed by who wrote it, and bound to the
 * environment and the variable. Who can seal cannot open.
 *
 *     offset  bytes   field (after base64)
 *     0       1       version, 0x01
 *     1       2       AEAD (RFC 9180, section 7.3): 0x0002 AES-256-GCM, 0x0003 ChaCha20-Poly1305
 *     3       8       key id of the recipient
 *     11      8       key id of the writer
 *     19      32      enc: the ephemeral X25519 public key
 *     51      n + 16  ciphertext and tag
 *     67 + n  64      Ed25519 signature
 *
 *     info       fields("keyward/hpke/v1", writer's public key)
 *     aad        fields("keyward/hpke/v1", bytes 0 to 18, environment, variable)
 *     signature  over fields("keyward/hpke/v1/signature", environment, variable, recipient's public key,
 *                bytes 0 to 66 + n)
 *
 * HPKE (RFC 9180) is in base mode with DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256. The writer's key in `info`
 * keeps another writer from putting its own signature in place of the first.
 *
 * Spec: docs/formats/hpke.md. Vectors: test/vectors/hpke/.
 */
import { concat, fields, fromBase64, fromHex, toBase64, toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import {
  HPKE_ENC_SIZE,
  HPKE_TAG_SIZE,
  type HpkeAead,
  hpkeAeadIds,
  openHpke,
  sealHpke,
} from "../../crypto/hpke.ts";
import type { Random } from "../../crypto/random.ts";
import { ed25519Sign, ed25519Verify, SIGNATURE_SIZE } from "../../crypto/sign.ts";
import type { KeyRing } from "./key-ring.ts";
import {
  KEY_ID_SIZE,
  type KeyId,
  type RecipientPublicKey,
  recipientKeyId,
  type Writer,
  type WriterPublicKey,
  writerKeyId,
} from "./keys.ts";
import { assertPlace, type Place } from "./place.ts";

export interface HpkeEnvelope {
  readonly aead: HpkeAead;
  readonly recipient: KeyId;
  readonly writer: KeyId;
  /** The whole, decoded. */
  readonly bytes: Uint8Array;
}

const VERSION = 1;
const RECIPIENT_AT = 3;
const WRITER_AT = RECIPIENT_AT + KEY_ID_SIZE;
const ENC_AT = WRITER_AT + KEY_ID_SIZE;
const TEXT_AT = ENC_AT + HPKE_ENC_SIZE;
const LABEL = "keyward/hpke/v1";
const HEAD = "ENC[HPKE,";

/** Bytes that the decoded envelope is longer than its value. */
export const HPKE_OVERHEAD = TEXT_AT + HPKE_TAG_SIZE + SIGNATURE_SIZE;
/** A value of 1 MiB has room. */
export const MAX_HPKE_LENGTH = 2_097_152;

export interface SealTo {
  readonly recipient: RecipientPublicKey;
  readonly writer: Writer;
  readonly place: Place;
  /** AES-256-GCM unless said otherwise. */
  readonly aead?: HpkeAead;
}

/**
 * @param random - Gives the ephemeral private key: 32 bytes, never used before.
 * @throws KeywardError `usage` for a place without a name; `malformed` when the recipient's key is a point of
 *   low order.
 */
export function sealEnvelope(
  { recipient, writer, place, aead = "aes-256-gcm" }: SealTo,
  random: Random,
  value: Uint8Array,
): string {
  assertPlace(place);
  const head = headOf(aead, recipientKeyId(recipient), writerKeyId(writer.publicKey));
  const context = { aead, info: infoOf(writer.publicKey), aad: aadOf(head, place) };
  const ephemeral = random(32);
  const { enc, ciphertext } = sealHpke(ephemeral, recipient, context, value);
  ephemeral.fill(0);
  const signed = concat(head, enc, ciphertext);
  const signature = ed25519Sign(writer.seed.reveal(), messageOf(place, recipient, signed));
  return `${HEAD}${toBase64(concat(signed, signature))}]`;
}

/**
 * Exactly one envelope, without blanks.
 *
 * @param what - Names the place in errors.
 * @throws KeywardError `malformed`, `too-large`
 */
export function parseEnvelope(text: string, what: string): HpkeEnvelope {
  if (text.length > MAX_HPKE_LENGTH)
    throw new KeywardError("too-large", `${what}: longer than ${MAX_HPKE_LENGTH} characters`);
  if (!text.startsWith(HEAD) || !text.endsWith("]"))
    throw new KeywardError("malformed", `${what}: not ${HEAD}…]`);
  const bytes = fromBase64(text.slice(HEAD.length, -1), what);
  if (bytes.byteLength < HPKE_OVERHEAD || bytes[0] !== VERSION)
    throw new KeywardError("malformed", `${what}: not an HPKE envelope of version 1`);
  const aead = aeadOf(((bytes[1] as number) << 8) | (bytes[2] as number));
  if (aead === null) throw new KeywardError("malformed", `${what}: an AEAD that is not known here`);
  const recipient = toHex(bytes.subarray(RECIPIENT_AT, WRITER_AT)) as KeyId;
  return { aead, recipient, writer: toHex(bytes.subarray(WRITER_AT, ENC_AT)) as KeyId, bytes };
}

/**
 * @param what - Names the place in errors.
 * @returns The value, which the caller wipes.
 * @throws KeywardError `wrong-key` when the ring lacks the recipient or the writer; `integrity` when the envelope
 *   was changed, or sealed for another place; `malformed` when its writer put a point of low order into it;
 *   `usage` for a place without a name.
 */
export function openEnvelope(envelope: HpkeEnvelope, ring: KeyRing, place: Place, what: string): Secret {
  assertPlace(place);
  const recipient = ring.recipient(envelope.recipient);
  if (recipient === null) throw wrongKey(what, `sealed to key ${envelope.recipient}, which is not here`);
  const writer = ring.writer(envelope.writer);
  if (writer === null) throw wrongKey(what, `written with key ${envelope.writer}, which is not trusted here`);
  const { aead, bytes } = envelope;
  const end = bytes.byteLength - SIGNATURE_SIZE;
  const message = messageOf(place, recipient.publicKey, bytes.subarray(0, end));
  if (!ed25519Verify(writer, message, bytes.subarray(end))) throw changed(what);
  const context = { aead, info: infoOf(writer), aad: aadOf(bytes.subarray(0, ENC_AT), place) };
  const sealed = { enc: bytes.subarray(ENC_AT, TEXT_AT), ciphertext: bytes.subarray(TEXT_AT, end) };
  const keys = { privateKey: recipient.privateKey.reveal(), publicKey: recipient.publicKey };
  const value = openHpke(keys, context, sealed);
  if (value === null) throw changed(what);
  return Secret.take(value);
}

function headOf(aead: HpkeAead, recipient: KeyId, writer: KeyId): Uint8Array {
  const id = hpkeAeadIds[aead];
  return concat(
    Uint8Array.of(VERSION, id >> 8, id & 0xff),
    fromHex(recipient, "key id"),
    fromHex(writer, "key id"),
  );
}

function aeadOf(id: number): HpkeAead | null {
  if (id === hpkeAeadIds["aes-256-gcm"]) return "aes-256-gcm";
  return id === hpkeAeadIds["chacha20-poly1305"] ? "chacha20-poly1305" : null;
}

function infoOf(writer: WriterPublicKey): Uint8Array {
  return fields(LABEL, writer);
}

function aadOf(head: Uint8Array, { environment, variable }: Place): Uint8Array {
  return fields(LABEL, head, environment, variable);
}

function messageOf(
  { environment, variable }: Place,
  recipient: RecipientPublicKey,
  signed: Uint8Array,
): Uint8Array {
  return fields(`${LABEL}/signature`, environment, variable, recipient, signed);
}

function wrongKey(what: string, wrong: string): KeywardError {
  return new KeywardError("wrong-key", `${what}: ${wrong}`, {
    hint: "add that key, or seal the value again to keys that are here",
  });
}

function changed(what: string): KeywardError {
  return new KeywardError("integrity", `${what}: changed, or sealed for another environment or variable`, {
    hint: "an envelope opens only under the environment and the name that it was sealed for",
  });
}
