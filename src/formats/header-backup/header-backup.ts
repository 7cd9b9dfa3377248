/**
 * header-backup v1: a volume's header, sealed under the volume's own key. Whoever has a header and one of its keys has
 * the volume, also after that key was removed from the disk: so a header lies nowhere in plain.
 *
 *     offset  bytes   field
 *     0       4       magic, ASCII "KWHB"
 *     4       1       version, 0x01
 *     5       16      the volume's UUID
 *     21      4       the key's version, big-endian
 *     25      32      salt, random
 *     57      12      nonce, random
 *     69      n + 16  AES-256-GCM ciphertext of the header and tag; bytes 0 to 68 are the associated data
 *
 * The AES key is HKDF-SHA-256 (RFC 5869) of the volume's key with the salt and the info "keyward/v1/header-backup".
 *
 * Spec: docs/formats/header-backup.md. Vectors: test/vectors/header-backup/.
 */
import { concat, fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { openAead, sealAead } from "../../crypto/aead.ts";
import { hkdf } from "../../crypto/hkdf.ts";
import type { Random } from "../../crypto/random.ts";
import type { VersionNumber } from "../../model/key.ts";

export interface HeaderBackup {
  /** As LUKS writes it, with dashes. */
  readonly uuid: string;
  /** Of the key that it is sealed under. */
  readonly version: VersionNumber;
  readonly header: Secret;
}

const MAGIC = utf8("KWHB");
const VERSION = 1;
const HEAD_SIZE = 69;
const TAG_SIZE = 16;
const LABEL = utf8("keyward/v1/header-backup");
export const MAX_HEADER_BACKUP_BYTES = 134_217_728 + HEAD_SIZE + TAG_SIZE;
const what = "header backup";

export function sealHeader({ uuid, version, header }: HeaderBackup, key: Secret, random: Random): Uint8Array {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(version);
  const head = concat(MAGIC, Uint8Array.of(VERSION), uuidBytes(uuid), number, random(32), random(12));
  using sealing = keyOf(head, key);
  return concat(head, sealAead(sealing.reveal(), head.subarray(57), head, header.reveal()));
}

/** What it says of itself, which is not authenticated. @throws KeywardError `malformed`, `too-large` */
export function peekHeader(bytes: Uint8Array): Pick<HeaderBackup, "uuid" | "version"> {
  if (bytes.byteLength > MAX_HEADER_BACKUP_BYTES)
    throw new KeywardError("too-large", `${what}: more than ${MAX_HEADER_BACKUP_BYTES} bytes`);
  const right = MAGIC.every((byte, i) => bytes[i] === byte) && bytes[4] === VERSION;
  if (!right || bytes.byteLength < HEAD_SIZE + TAG_SIZE)
    throw new KeywardError("malformed", `${what}: not one of version 1`);
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, HEAD_SIZE);
  const hex = toHex(head.subarray(5, 21));
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return { uuid, version: head.readUInt32BE(21) as VersionNumber };
}

/**
 * @returns The caller wipes the header.
 * @throws KeywardError as `peekHeader`; `wrong-key` when it is another key's, or was changed.
 */
export function openHeader(bytes: Uint8Array, key: Secret): HeaderBackup {
  const about = peekHeader(bytes);
  const head = bytes.subarray(0, HEAD_SIZE);
  using sealing = keyOf(head, key);
  const header = openAead(sealing.reveal(), head.subarray(57), head, bytes.subarray(HEAD_SIZE));
  if (header === null)
    throw new KeywardError("wrong-key", `${what}: sealed under another key than this, or changed`, {
      hint: `it wants version ${about.version} of the volume's key`,
    });
  return { ...about, header: Secret.take(header) };
}

function keyOf(head: Uint8Array, key: Secret): Secret {
  return Secret.take(hkdf(key.reveal(), head.subarray(25, 57), LABEL, 32));
}

/** @throws KeywardError `malformed` */
function uuidBytes(uuid: string): Uint8Array {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid))
    return fromHex(uuid.replaceAll("-", ""), "UUID");
  throw new KeywardError("malformed", "a volume's UUID: not as LUKS writes it");
}
