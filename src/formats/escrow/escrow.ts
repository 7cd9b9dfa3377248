/**
 * escrow v1: one share of a volume's recovery key, sealed to the person who holds it. Whoever keeps it, the server
 * included, cannot open it.
 *
 *     offset      bytes   field
 *     0           4       magic, ASCII "KWES"
 *     4           1       version, 0x01
 *     5           8       key id of the holder (docs/formats/hpke.md)
 *     13          16      the volume's UUID
 *     29          4       generation of the recovery key, big-endian, from 1
 *     33          1       the share's number, from 1 to the count
 *     34          1       how many shares there are: 2 to 32
 *     35          1       threshold: how many give the key, 2 to the count
 *     36          1       n, bytes of the node's name
 *     37          1       v, bytes of the volume's name
 *     38          n       the node's name, ASCII
 *     38 + n      v       the volume's name, ASCII
 *     38 + n + v  32      enc: the ephemeral X25519 public key
 *     70 + n + v  s + 16  ciphertext and tag of the share, as `seed split` writes it: 1,024 bytes at most
 *
 *     info        fields("keyward/escrow/v1")
 *     aad         bytes 0 to 37 + n + v
 *
 * HPKE (RFC 9180) is in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. As text it is one PEM
 * block (RFC 7468) labelled KEYWARD SEALED SHARE.
 *
 * Spec: docs/formats/escrow.md. Vectors: test/vectors/escrow/.
 */
import { concat, fields, fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { sha256 } from "../../crypto/hash.ts";
import { HPKE_ENC_SIZE, HPKE_TAG_SIZE, openHpke, sealHpke } from "../../crypto/hpke.ts";
import type { Random } from "../../crypto/random.ts";
import { type NodeName, parseNodeName } from "../../model/name.ts";
import { MAX_HOLDERS, parseVolumeName, type VolumeName } from "../../model/volume.ts";
import { decodePem, encodePem } from "../armor.ts";

/** What a sealed share says of itself to anyone; believed once it has been opened. */
export interface SealedShareFacts {
  readonly node: NodeName;
  readonly volume: VolumeName;
  /** As LUKS writes it, with dashes. */
  readonly uuid: string;
  /** Counts the volume's recovery keys, from 1. */
  readonly generation: number;
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
  readonly threshold: number;
}

export interface PeekedShare extends SealedShareFacts {
  /** Of the key that it is sealed to: 16 hexadecimal digits. */
  readonly holder: string;
}

const MAGIC = utf8("KWES");
const VERSION = 1;
const FIXED_SIZE = 38;
const MAX_SHARE_SIZE = 1024;
const INFO = fields("keyward/escrow/v1");
const LABEL = "KEYWARD SEALED SHARE";
const COLUMNS = 64;
const AEAD = "aes-256-gcm";
export const MAX_SEALED_SHARE_BYTES = FIXED_SIZE + 253 + 64 + HPKE_ENC_SIZE + MAX_SHARE_SIZE + HPKE_TAG_SIZE;
/** As text. */
export const MAX_SEALED_SHARE_TEXT = 4096;

/**
 * @param holder - Public key, 32 bytes.
 * @param share - 1 to 1,024 bytes; stays the caller's.
 * @throws KeywardError `malformed` for facts that cannot be, or a key that is a point of low order; `too-large`.
 */
export function sealShare(
  facts: SealedShareFacts,
  holder: Uint8Array,
  share: Secret,
  random: Random,
): Uint8Array {
  if (share.length === 0 || share.length > MAX_SHARE_SIZE)
    throw new KeywardError("too-large", `share: want 1 to ${MAX_SHARE_SIZE} bytes`);
  const head = headOf(facts, holder);
  using ephemeral = Secret.take(random(32));
  const context = { aead: AEAD, info: INFO, aad: head } as const;
  const { enc, ciphertext } = sealHpke(ephemeral.reveal(), holder, context, share.reveal());
  return concat(head, enc, ciphertext);
}

/** What it says of itself, which is not authenticated. @throws KeywardError `malformed`, `too-large` */
export function peekShare(bytes: Uint8Array, what = "sealed share"): PeekedShare {
  return readHead(bytes, what).facts;
}

/**
 * @param holder - The pair of keys that it may be sealed to.
 * @returns The share, which the caller wipes; `null` when it is sealed to another key.
 * @throws KeywardError as `peekShare`; `integrity` when it is sealed to this key and was changed.
 */
export function openShare(
  bytes: Uint8Array,
  holder: { readonly publicKey: Uint8Array; readonly privateKey: Secret },
  what = "sealed share",
): Secret | null {
  const { facts, size } = readHead(bytes, what);
  if (facts.holder !== holderId(holder.publicKey)) return null;
  const pair = { publicKey: holder.publicKey, privateKey: holder.privateKey.reveal() };
  const context = { aead: AEAD, info: INFO, aad: bytes.subarray(0, size) } as const;
  const enc = bytes.subarray(size, size + HPKE_ENC_SIZE);
  const share = openHpke(pair, context, { enc, ciphertext: bytes.subarray(size + HPKE_ENC_SIZE) });
  if (share !== null) return Secret.take(share);
  throw new KeywardError("integrity", `${what}: was changed since it was sealed`, {
    hint: "fetch it again: keyward disk shares",
  });
}

/** 16 hexadecimal digits, as `genkeys` prints them for the same key. */
export function holderId(publicKey: Uint8Array): string {
  return toHex(sha256(fields("keyward/hpke/v1/recipient", publicKey)).subarray(0, 8));
}

/** PEM. */
export function formatSealedShare(bytes: Uint8Array): string {
  return Buffer.from(encodePem(LABEL, bytes, COLUMNS)).toString("latin1");
}

/**
 * @param text - One block; CR LF, and blank lines around it, are taken too, since people send it about.
 * @throws KeywardError `malformed`, `too-large`
 */
export function parseSealedShare(text: Uint8Array, what: string): Uint8Array {
  if (text.byteLength > MAX_SEALED_SHARE_TEXT)
    throw new KeywardError("too-large", `${what}: too long for a sealed share`);
  const plain = Buffer.from(text).toString("latin1").replaceAll("\r\n", "\n").trim();
  const bytes = decodePem(LABEL, Buffer.from(`${plain}\n`, "latin1"), COLUMNS, what);
  peekShare(bytes, what);
  return bytes;
}

function headOf(facts: SealedShareFacts, holder: Uint8Array): Uint8Array {
  const { uuid, generation, index, count, threshold } = facts;
  assertFacts(facts, "sealed share");
  const [node, volume] = [utf8(facts.node), utf8(facts.volume)];
  const number = Buffer.alloc(4);
  number.writeUInt32BE(generation);
  return concat(
    MAGIC,
    Uint8Array.of(VERSION),
    fromHex(holderId(holder), "key id"),
    fromHex(uuid.replaceAll("-", ""), "UUID"),
    number,
    Uint8Array.of(index, count, threshold, node.byteLength, volume.byteLength),
    node,
    volume,
  );
}

function readHead(bytes: Uint8Array, what: string): { facts: PeekedShare; size: number } {
  const refuse = (why: string): KeywardError => new KeywardError("malformed", `${what}: ${why}`);
  if (bytes.byteLength > MAX_SEALED_SHARE_BYTES)
    throw new KeywardError("too-large", `${what}: more than ${MAX_SEALED_SHARE_BYTES} bytes`);
  if (bytes.byteLength < FIXED_SIZE || !MAGIC.every((byte, i) => bytes[i] === byte) || bytes[4] !== VERSION)
    throw refuse("not one of version 1");
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [n, v] = [view.readUInt8(36), view.readUInt8(37)];
  const size = FIXED_SIZE + n + v;
  const rest = bytes.byteLength - size - HPKE_ENC_SIZE - HPKE_TAG_SIZE;
  if (rest < 1 || rest > MAX_SHARE_SIZE) throw refuse("its length is wrong");
  const facts: PeekedShare = {
    node: view.toString("latin1", FIXED_SIZE, FIXED_SIZE + n) as NodeName,
    volume: view.toString("latin1", FIXED_SIZE + n, size) as VolumeName,
    uuid: view.toString("hex", 13, 29).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    generation: view.readUInt32BE(29),
    index: view.readUInt8(33),
    count: view.readUInt8(34),
    threshold: view.readUInt8(35),
    holder: view.toString("hex", 5, 13),
  };
  assertFacts(facts, what);
  return { facts, size };
}

function assertFacts(facts: SealedShareFacts, what: string): void {
  const { node, volume, uuid, generation, index, count, threshold } = facts;
  const whole = [generation, index, count, threshold].every(Number.isInteger);
  const inBounds =
    generation >= 1 &&
    generation <= 0xffff_ffff &&
    count >= 2 &&
    count <= MAX_HOLDERS &&
    index >= 1 &&
    index <= count &&
    threshold >= 2 &&
    threshold <= count;
  if (!whole || !inBounds) throw new KeywardError("malformed", `${what}: its numbers are out of bounds`);
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid))
    throw new KeywardError("malformed", `${what}: its UUID is not as LUKS writes one`);
  try {
    parseNodeName(node);
    parseVolumeName(volume);
  } catch (cause) {
    if (!isKeywardError(cause, "usage")) throw cause;
    throw new KeywardError("malformed", `${what}: ${cause.message}`, { cause });
  }
}
