/**
 * HPKE (RFC 9180) in base mode, one message for each key: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, and
 * AES-256-GCM or ChaCha20-Poly1305. The names are the RFC's.
 */
import { concat, utf8 } from "../base/bytes.ts";
import { openAead, sealAead } from "./aead.ts";
import { x25519, x25519PublicKey } from "./agree.ts";
import { openChaCha, sealChaCha } from "./chacha20-poly1305.ts";
import { hkdfExpand } from "./hkdf.ts";
import { hmacSha256 } from "./mac.ts";
import { wipe } from "./memory.ts";

export type HpkeAead = "aes-256-gcm" | "chacha20-poly1305";

/** Section 7.3. */
export const hpkeAeadIds = { "aes-256-gcm": 0x0002, "chacha20-poly1305": 0x0003 } as const;

/** Bytes of an encapsulated key (`Nenc`), and of the tag. */
export const HPKE_ENC_SIZE = 32;
export const HPKE_TAG_SIZE = 16;

const KEY_SIZE = 32;
const NONCE_SIZE = 12;
const MODE_BASE = 0x00;
const KEM_ID = 0x0020;
const KDF_ID = 0x0001;
const VERSION = utf8("HPKE-v1");
const KEM_SUITE = concat(utf8("KEM"), uint16(KEM_ID));
const EMPTY = new Uint8Array(0);

export interface HpkeSealed {
  readonly enc: Uint8Array;
  /** Ciphertext and tag: 16 bytes more than the text. */
  readonly ciphertext: Uint8Array;
}

/** What both ends must agree on. */
export interface HpkeContext {
  readonly aead: HpkeAead;
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
}

/** The recipient's two halves; the public one is part of what is bound. */
export interface HpkeRecipient {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Key and nonce of a context; wiped after one message. */
export interface HpkeKeys {
  readonly key: Uint8Array;
  readonly baseNonce: Uint8Array;
}

/**
 * `SealBase` (section 6.1).
 *
 * @param ephemeral - 32 random bytes, never used before: the ephemeral private key.
 * @param recipient - Public key, 32 bytes.
 * @throws KeywardError `malformed` when the recipient's key is a point of low order.
 */
export function sealHpke(
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  { aead, info, aad }: HpkeContext,
  text: Uint8Array,
): HpkeSealed {
  const enc = x25519PublicKey(ephemeral);
  const shared = sharedSecret(x25519(ephemeral, recipient), enc, recipient);
  const { key, baseNonce } = keySchedule(shared, aead, info);
  const seal = aead === "aes-256-gcm" ? sealAead : sealChaCha;
  const ciphertext = seal(key, baseNonce, aad, text);
  wipe(shared, key, baseNonce);
  return { enc, ciphertext };
}

/**
 * `OpenBase` (section 6.1).
 *
 * @returns The text, which the caller wipes; `null` when anything is not as it was sealed.
 * @throws KeywardError `malformed` when `enc` is a point of low order.
 */
export function openHpke(
  { privateKey, publicKey }: HpkeRecipient,
  { aead, info, aad }: HpkeContext,
  { enc, ciphertext }: HpkeSealed,
): Uint8Array | null {
  const shared = sharedSecret(x25519(privateKey, enc), enc, publicKey);
  const { key, baseNonce } = keySchedule(shared, aead, info);
  const open = aead === "aes-256-gcm" ? openAead : openChaCha;
  const text = open(key, baseNonce, aad, ciphertext);
  wipe(shared, key, baseNonce);
  return text;
}

/** `ExtractAndExpand` (section 4.1). Wipes `dh`. */
export function sharedSecret(dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Uint8Array {
  const eaePrk = labeledExtract(KEM_SUITE, EMPTY, "eae_prk", dh);
  const shared = labeledExpand(KEM_SUITE, eaePrk, "shared_secret", concat(enc, recipient), 32);
  wipe(dh, eaePrk);
  return shared;
}

/** `KeySchedule` (section 5.1) without a pre-shared key. The caller wipes the result. */
export function keySchedule(shared: Uint8Array, aead: HpkeAead, info: Uint8Array): HpkeKeys {
  const suite = concat(utf8("HPKE"), uint16(KEM_ID), uint16(KDF_ID), uint16(hpkeAeadIds[aead]));
  const pskIdHash = labeledExtract(suite, EMPTY, "psk_id_hash", EMPTY);
  const infoHash = labeledExtract(suite, EMPTY, "info_hash", info);
  const context = concat(Uint8Array.of(MODE_BASE), pskIdHash, infoHash);
  const secret = labeledExtract(suite, shared, "secret", EMPTY);
  const key = labeledExpand(suite, secret, "key", context, KEY_SIZE);
  const baseNonce = labeledExpand(suite, secret, "base_nonce", context, NONCE_SIZE);
  wipe(secret);
  return { key, baseNonce };
}

/** Section 4. */
function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array {
  return hmacSha256(salt, VERSION, suite, utf8(label), ikm);
}

/** Section 4. */
function labeledExpand(
  suite: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  return hkdfExpand(prk, concat(uint16(length), VERSION, suite, utf8(label), info), length);
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}
