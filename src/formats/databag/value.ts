/**
 * One encrypted value of a data bag item.
 *
 *     version   shape                                                        inside
 *     0         base64 text; AES-256-CBC, key and iv from the secret         YAML of the value
 *     1         { encrypted_data, iv, version, cipher "aes-256-cbc" }        {"json_wrapper":VALUE}
 *     2         1 and `hmac`: HMAC-SHA-256 of the text of encrypted_data     the same
 *     3         { encrypted_data, iv, auth_tag, version, cipher "aes-256-gcm" }, no associated data, whole tag
 *
 * Nothing binds a value to its item or its name: the format has no place for it. Source: chef/chef,
 * lib/chef/encrypted_data_bag_item/. Spec: docs/formats/databag.md. Vectors: test/vectors/chef/edbi-*.json.
 */
import { concat, fromUtf8, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import {
  type ExactJson,
  type ExactObject,
  exactLimits,
  isExactObject,
  parseExactJson,
} from "../../base/exact-json.ts";
import { formatExactJson } from "../../base/exact-json-text.ts";
import { NONCE_SIZE, openAead, sealAead, TAG_SIZE } from "../../crypto/aead.ts";
import { CBC_BLOCK_SIZE, openCbc, sealCbc } from "../../crypto/aes-cbc.ts";
import { hmacSha256, verifyMac } from "../../crypto/mac.ts";
import { wipe } from "../../crypto/memory.ts";
import type { Random } from "../../crypto/random.ts";
import { packBase64, unpackBase64 } from "../ruby-base64.ts";
import type { DataBagSecret } from "./secret.ts";
import { readYaml, type YamlLibrary } from "./yaml-read.ts";
import { writeYaml } from "./yaml-write.ts";

export type DataBagVersion = 0 | 1 | 2 | 3;

const CBC = "aes-256-cbc";
const GCM = "aes-256-gcm";
const WRAPPER = "json_wrapper";
const nothing = new Uint8Array(0);
/** The wrapper is one level, and one value, more. */
const insideLimits = { ...exactLimits, depth: exactLimits.depth + 1, count: exactLimits.count + 1 };

/**
 * The version that a stored value says it has: an object its `version`, anything else 0.
 *
 * @throws KeywardError `malformed` when that is no version, or none that can be read.
 */
export function versionOf(raw: ExactJson, what: string): DataBagVersion {
  if (!isExactObject(raw)) return 0;
  const version = raw.get("version");
  if (version === 1n || version === 2n || version === 3n) return Number(version) as DataBagVersion;
  const not = raw.has("encrypted_data") ? "is of no version that can be read" : "is not encrypted";
  throw new KeywardError("malformed", `${what}: ${not}`, {
    hint: "encrypted values have version 0, 1, 2 or 3",
  });
}

/**
 * @param yaml - Needed for version 0.
 * @throws KeywardError `wrong-key` when the secret is another one, or the value was changed: which of them, these
 *   versions do not tell; `integrity` when the secret fits and the value was changed; `malformed` when it is no
 *   encrypted value.
 */
export function openValue(
  raw: ExactJson,
  secret: DataBagSecret,
  what: string,
  yaml: YamlLibrary | null,
): ExactJson {
  const version = versionOf(raw, what);
  if (!isExactObject(raw)) return openLegacy(raw, secret, what, yaml);
  switch (version) {
    case 2:
      assertMac(raw, secret, what);
      return unwrap(openOne(raw, secret, what), true, what);
    case 3:
      return unwrap(openThree(raw, secret, what), true, what);
    default:
      return unwrap(openOne(raw, secret, what), false, what);
  }
}

/** @param random - Draws the iv: 16 bytes for versions 1 and 2, 12 for version 3, none for version 0. */
export function sealValue(
  value: ExactJson,
  secret: DataBagSecret,
  version: DataBagVersion,
  random: Random,
): ExactJson {
  if (version === 0) {
    const { key, iv } = secret.legacy();
    return packBase64(sealWiped(utf8(writeYaml(value)), (text) => sealCbc(key, iv, text)));
  }
  const text = utf8(`{"${WRAPPER}":${formatExactJson(value)}}`);
  if (version === 3) {
    const iv = random(NONCE_SIZE);
    const sealed = sealWiped(text, (plain) => sealAead(secret.key, iv, nothing, plain));
    const end = sealed.byteLength - TAG_SIZE;
    return new Map<string, ExactJson>([
      ["encrypted_data", packBase64(sealed.subarray(0, end))],
      ["iv", packBase64(iv)],
      ["auth_tag", packBase64(sealed.subarray(end))],
      ["version", 3n],
      ["cipher", GCM],
    ]);
  }
  const iv = random(CBC_BLOCK_SIZE);
  const data = packBase64(sealWiped(text, (plain) => sealCbc(secret.key, iv, plain)));
  const members: [string, ExactJson][] = [["encrypted_data", data]];
  if (version === 2) members.push(["hmac", packBase64(hmacSha256(secret.macKey, utf8(data)))]);
  members.push(["iv", packBase64(iv)], ["version", BigInt(version)], ["cipher", CBC]);
  return new Map(members);
}

function openLegacy(
  raw: ExactJson,
  secret: DataBagSecret,
  what: string,
  yaml: YamlLibrary | null,
): ExactJson {
  if (typeof raw !== "string") throw notEncrypted(what);
  const sealed = unpackBase64(raw, what);
  if (sealed.byteLength === 0 || sealed.byteLength % CBC_BLOCK_SIZE !== 0) throw notEncrypted(what);
  if (yaml === null) throw new KeywardError("internal", "data bag: version 0 without its reader");
  const { key, iv } = secret.legacy();
  const text = openCbc(key, iv, sealed);
  if (text === null) throw wrongKey(what);
  try {
    return readYaml(yaml, legacyText(text, what), what);
  } finally {
    wipe(text);
  }
}

/** Of 256 wrong secrets, one leaves a right padding: what is no text came from one. */
function legacyText(text: Uint8Array, what: string): string {
  try {
    return fromUtf8(text, what);
  } catch {
    throw wrongKey(what);
  }
}

/** Versions 1 and 2, the code of version 2 apart. */
function openOne(raw: ExactObject, { key }: DataBagSecret, what: string): Uint8Array {
  assertCipher(raw, CBC, what);
  const iv = bytesOf(raw, "iv", CBC_BLOCK_SIZE, what);
  const data = bytesOf(raw, "encrypted_data", null, what);
  const text = openCbc(key, iv, data);
  if (text === null) throw wrongKey(what);
  return text;
}

/** A shorter tag is refused: one of a byte is found in 256 tries. */
function openThree(raw: ExactObject, { key }: DataBagSecret, what: string): Uint8Array {
  assertCipher(raw, GCM, what);
  const iv = bytesOf(raw, "iv", NONCE_SIZE, what);
  const tag = bytesOf(raw, "auth_tag", TAG_SIZE, what);
  const data = bytesOf(raw, "encrypted_data", null, what);
  const text = openAead(key, iv, nothing, concat(data, tag));
  if (text === null) throw wrongKey(what);
  return text;
}

function assertMac(raw: ExactObject, { macKey }: DataBagSecret, what: string): void {
  const data = utf8(textOf(raw, "encrypted_data", what));
  const code = unpackBase64(textOf(raw, "hmac", what), what);
  if (!verifyMac(code, macKey, data)) throw wrongKey(what);
}

/**
 * The wrapper must be there: in versions 1 and 2 a changed iv renames it, and Chef then takes the value for null.
 *
 * @param text - Wiped.
 * @param fits - The secret is known to be the right one.
 */
function unwrap(text: Uint8Array, fits: boolean, what: string): ExactJson {
  try {
    const outer = parseExactJson(fromUtf8(text, what), what, insideLimits);
    const value = isExactObject(outer) ? outer.get(WRAPPER) : undefined;
    if (value !== undefined) return value;
  } catch (error) {
    if (!(error instanceof KeywardError) || error.code !== "malformed") throw error;
  } finally {
    wipe(text);
  }
  if (!fits) throw wrongKey(what);
  throw new KeywardError(
    "integrity",
    `${what}: was changed, or not made by Chef: the secret fits, what is inside does not`,
  );
}

function assertCipher(raw: ExactObject, cipher: string, what: string): void {
  if (raw.get("cipher") === cipher) return;
  throw new KeywardError("malformed", `${what}: its cipher is not ${cipher}, which its version has`);
}

/** @param length - `null`: any but none. */
function bytesOf(raw: ExactObject, member: string, length: number | null, what: string): Uint8Array {
  const bytes = unpackBase64(textOf(raw, member, what), what);
  if (length === null ? bytes.byteLength > 0 : bytes.byteLength === length) return bytes;
  const wanted = length === null ? "" : `, want ${length}`;
  throw new KeywardError("malformed", `${what}: ${member} has ${bytes.byteLength} bytes${wanted}`);
}

function textOf(raw: ExactObject, member: string, what: string): string {
  const text = raw.get(member);
  if (typeof text === "string") return text;
  throw new KeywardError("malformed", `${what}: ${member} is missing, or no text`);
}

function sealWiped(text: Uint8Array, seal: (text: Uint8Array) => Uint8Array): Uint8Array {
  try {
    return seal(text);
  } finally {
    wipe(text);
  }
}

function notEncrypted(what: string): KeywardError {
  return new KeywardError("malformed", `${what}: is not encrypted, or cut short`);
}

function wrongKey(what: string): KeywardError {
  return new KeywardError("wrong-key", `${what}: encrypted under another secret, or changed`);
}
