/**
 * bundle v1: what a node may use while no server can be reached, sealed to the host.
 *
 *     offset  bytes   field
 *     0       4       magic, ASCII "KWOB"
 *     4       1       version, 0x01
 *     5       32      salt, random
 *     37      12      nonce, random
 *     49      n + 16  AES-256-GCM ciphertext and tag; bytes 0 to 48 are the associated data
 *
 * The plain text, all numbers big-endian:
 *
 *     8       milliseconds since 1970: when the server last said that the node may have this
 *     2 + n   node name: its length, then UTF-8
 *     4       number of entries, 4,096 at most
 *     then for each entry
 *     4 + n   length, then canonical JSON {"delivery", "derived", "grant", "key", "version"}
 *     4 + n   length, then the value; none when there is "derived"
 *
 * The key is HKDF-SHA-256 (RFC 5869) of fields(node private key as PKCS #8 DER, machine id) with the salt and
 * the info "keyward/v1/offline-bundle".
 *
 * Spec: docs/formats/bundle.md.
 */
import { concat, fields, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { UnixMs } from "../../base/time.ts";
import { openAead, sealAead } from "../../crypto/aead.ts";
import { hkdf } from "../../crypto/hkdf.ts";
import type { Random } from "../../crypto/random.ts";
import type { NodeName } from "../../model/name.ts";
import { decodeContent, encodeContent } from "./content.ts";
import type { OfflineEntry } from "./entry.ts";

export { readDerived } from "./derived.ts";
export type { OfflineEntry, OfflineFile, OfflineVolume } from "./entry.ts";

export interface OfflineBundle {
  readonly node: NodeName;
  readonly confirmed: UnixMs;
  readonly entries: readonly OfflineEntry[];
}

const MAGIC = utf8("KWOB");
const VERSION = 1;
const SALT_SIZE = 32;
const NONCE_SIZE = 12;
const HEAD_SIZE = 5 + SALT_SIZE + NONCE_SIZE;
const TAG_SIZE = 16;
const LABEL = utf8("keyward/v1/offline-bundle");
/** As much as the largest answer of a server holds. */
export const MAX_BUNDLE_BYTES = 67_108_864;

/** What the bundle is bound to: the caller wipes it. @param privateKey - PKCS #8 DER. */
export function hostKey(privateKey: Uint8Array, machineId: string): Secret {
  return Secret.take(fields(privateKey, machineId));
}

/** @throws KeywardError `too-large` */
export function sealBundle(bundle: OfflineBundle, host: Secret, random: Random): Uint8Array {
  const head = concat(MAGIC, Uint8Array.of(VERSION), random(SALT_SIZE), random(NONCE_SIZE));
  using content = encodeContent(bundle);
  if (HEAD_SIZE + content.length + TAG_SIZE > MAX_BUNDLE_BYTES)
    throw new KeywardError("too-large", `offline bundle: more than ${MAX_BUNDLE_BYTES} bytes`);
  using key = keyOf(head, host);
  return concat(head, sealAead(key.reveal(), nonceOf(head), head, content.reveal()));
}

/**
 * @throws KeywardError `malformed` when it is no bundle; `too-large`; `wrong-key` when it was sealed to another
 *   host or changed: the two cannot be told apart.
 */
export function openBundle(bytes: Uint8Array, host: Secret): OfflineBundle {
  if (bytes.byteLength > MAX_BUNDLE_BYTES)
    throw new KeywardError("too-large", `offline bundle: more than ${MAX_BUNDLE_BYTES} bytes`);
  const head = bytes.subarray(0, HEAD_SIZE);
  const magic = MAGIC.every((byte, i) => bytes[i] === byte);
  if (!magic || bytes[4] !== VERSION || bytes.byteLength < HEAD_SIZE + TAG_SIZE)
    throw new KeywardError("malformed", "offline bundle: not one of version 1");
  using key = keyOf(head, host);
  const content = openAead(key.reveal(), nonceOf(head), head, bytes.subarray(HEAD_SIZE));
  if (content === null)
    throw new KeywardError("wrong-key", "offline bundle: sealed to another host, or changed");
  try {
    return decodeContent(content);
  } finally {
    content.fill(0);
  }
}

function keyOf(head: Uint8Array, host: Secret): Secret {
  return Secret.take(hkdf(host.reveal(), head.subarray(5, 5 + SALT_SIZE), LABEL, 32));
}

function nonceOf(head: Uint8Array): Uint8Array {
  return head.subarray(5 + SALT_SIZE);
}
