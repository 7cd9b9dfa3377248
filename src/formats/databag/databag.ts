/**
 * Data bag: Chef's encrypted data bag items, versions 0 to 3, read and written. Each member but `id` is encrypted on
 * its own (`value.ts`), under keys that follow from one secret (`secret.ts`).
 *
 *     const item = await decryptDataBagItem(text, secretOfFile(content));
 *
 * Spec: docs/formats/databag.md.
 */
import { KeywardError } from "../../base/errors.ts";
import { type ExactJson, type ExactObject, isExactObject, parseExactJson } from "../../base/exact-json.ts";
import { CBC_BLOCK_SIZE } from "../../crypto/aes-cbc.ts";
import { type Random, systemRandom } from "../../crypto/random.ts";
import { printable } from "../../model/name.ts";
import { PlainItem } from "./plain-item.ts";
import type { DataBagSecret } from "./secret.ts";
import { type DataBagVersion, openValue, sealValue, versionOf } from "./value.ts";
import { loadYaml } from "./yaml-read.ts";

export { PlainItem } from "./plain-item.ts";
export { type DataBagSecret, dataBagSecret, secretOfFile } from "./secret.ts";
export type { DataBagVersion } from "./value.ts";

/** An item as it is stored: its members, encrypted or not, in their order. */
export type StoredItem = ExactObject;

export const defaultVersion: DataBagVersion = 3;

export interface OpenOptions {
  /** Values of older versions are refused: Chef's `data_bag_decrypt_minimum_version`; 0 unless given. */
  readonly minimumVersion?: DataBagVersion;
}

export interface Opened {
  /** The members that opened, and the id. */
  readonly plain: PlainItem;
  /** By member, those that did not. */
  readonly problems: ReadonlyMap<string, KeywardError>;
}

/**
 * An item as a file or a Chef server has it. What the server wraps around an item, or adds to it, is taken away.
 *
 * @throws KeywardError `malformed`, `too-large`
 */
export function parseStoredItem(text: string, what = "data bag item"): StoredItem {
  const value = parseExactJson(text, what);
  if (!isExactObject(value)) throw new KeywardError("malformed", `${what}: not a JSON object`);
  const raw = value.get("raw_data");
  if (value.get("json_class") === "Chef::DataBagItem" && isExactObject(raw)) return raw;
  if (value.get("chef_type") !== "data_bag_item" || typeof value.get("data_bag") !== "string") return value;
  return new Map([...value].filter(([name]) => name !== "chef_type" && name !== "data_bag"));
}

const shapes: readonly (readonly [bigint, string])[] = [
  [1n, "cipher encrypted_data iv version"],
  [2n, "cipher encrypted_data hmac iv version"],
  [3n, "auth_tag cipher encrypted_data iv version"],
];

/**
 * Chef's own test, by which its recipes decide: every member but `id` is an object of exactly the members of its
 * version. It never finds version 0.
 */
export function isEncrypted(item: StoredItem): boolean {
  const values = [...item].filter(([name]) => name !== "id").map(([, value]) => value);
  return values.length > 0 && values.every(hasShape);
}

function hasShape(value: ExactJson): boolean {
  if (!isExactObject(value)) return false;
  const version = value.get("version");
  const names = [...value.keys()].sort().join(" ");
  // Ruby's 3.0 equals 3.
  return shapes.some(([number, members]) => Number(number) === numberOf(version) && members === names);
}

function numberOf(version: ExactJson | undefined): number | null {
  return typeof version === "bigint" || typeof version === "number" ? Number(version) : null;
}

/** Open what can be opened, and say of each other member why it cannot. */
export async function openDataBagItem(
  item: StoredItem,
  secret: DataBagSecret,
  { minimumVersion = 0 }: OpenOptions = {},
): Promise<Opened> {
  const yaml = [...item].some(isLegacy) ? await loadYaml() : null;
  const plain = new Map<string, ExactJson>();
  const problems = new Map<string, KeywardError>();
  for (const [name, raw] of item) {
    const what = placeOf(item, name);
    try {
      if (name === "id" || raw === null) plain.set(name, raw);
      else {
        assertVersion(raw, minimumVersion, what);
        plain.set(name, openValue(raw, secret, what, yaml));
      }
    } catch (error) {
      if (!(error instanceof KeywardError)) throw error;
      problems.set(name, error);
    }
  }
  const opened = [...plain].some(
    ([name, value]) => name !== "id" && item.get(name) !== null && value !== undefined,
  );
  return { plain: new PlainItem(plain), problems: opened ? asDamage(item, problems) : problems };
}

/**
 * Decrypt a whole item: all of it, or an error that names each member that does not open.
 *
 * @param item - As it is stored, or its JSON.
 * @throws KeywardError `wrong-key` when the secret opens nothing of it; `integrity` when it opens a part;
 *   `malformed` when the item, or one of its values, is not encrypted; `denied` for versions below the least.
 */
export async function decryptDataBagItem(
  item: StoredItem | string,
  secret: DataBagSecret,
  options: OpenOptions = {},
): Promise<PlainItem> {
  const stored = typeof item === "string" ? parseStoredItem(item) : item;
  const { plain, problems } = await openDataBagItem(stored, secret, options);
  const [first] = problems.values();
  if (first === undefined) return plain;
  const values = [...stored].filter(([name, raw]) => name !== "id" && raw !== null).length;
  if (problems.size === 1 && values > 1) throw first;
  throw ofWhole(stored, [...problems], values);
}

/**
 * Encrypt each member but `id`.
 *
 * @param options - `version`: 3 unless given. `random`: for tests that make recorded bytes again.
 * @throws KeywardError `conflict` when the item, or a value of it, is encrypted already; `malformed` without an id.
 */
export function encryptDataBagItem(
  plain: PlainItem,
  secret: DataBagSecret,
  options: { readonly version?: DataBagVersion; readonly random?: Random } = {},
): StoredItem {
  const { version = defaultVersion, random = systemRandom } = options;
  const members = plain.members();
  if (plain.id === undefined || plain.id === "")
    throw new KeywardError("malformed", "data bag item: its id is missing, or no text");
  const sealed = new Map<string, ExactJson>();
  for (const [name, value] of members) {
    if (name === "id") sealed.set(name, value);
    else if (hasShape(value))
      throw new KeywardError("conflict", `${placeOf(members, name)}: is encrypted already`, {
        hint: "decrypt it first, or reseal it from one secret to another",
      });
    else sealed.set(name, sealValue(value, secret, version, random));
  }
  return sealed;
}

/**
 * Encrypt an item, unless all of it is encrypted already: once more, it would open to nothing that anyone wants. A
 * value of version 0 is text as others are too, so that it counts only when the secret opens it.
 *
 * @throws KeywardError as `encryptDataBagItem`: `conflict` when some of its values are encrypted and others are not.
 */
export async function encryptUnlessEncrypted(
  item: StoredItem,
  secret: DataBagSecret,
  options: { readonly version?: DataBagVersion } = {},
): Promise<StoredItem> {
  if (isEncrypted(item)) return item;
  const values = [...item].filter(([name, raw]) => name !== "id" && raw !== null);
  if (values.length > 0 && values.every(([, raw]) => formOf(raw) === 0)) {
    const { problems } = await openDataBagItem(item, secret);
    if (problems.size === 0) return item;
  }
  return encryptDataBagItem(new PlainItem(item), secret, options);
}

/** How each member is stored: the version it was encrypted in, or `plain` when that cannot be. */
export function formsOf(item: StoredItem): ReadonlyMap<string, DataBagVersion | "plain"> {
  const forms = new Map<string, DataBagVersion | "plain">();
  for (const [name, raw] of item) if (name !== "id") forms.set(name, formOf(raw));
  return forms;
}

function formOf(raw: ExactJson): DataBagVersion | "plain" {
  if (typeof raw === "string") return looksLegacy(raw) ? 0 : "plain";
  if (!isExactObject(raw) || !raw.has("encrypted_data")) return "plain";
  try {
    return versionOf(raw, "value");
  } catch {
    return "plain";
  }
}

/** Ruby's base64 of whole blocks, line breaks and all. A key of 32 bytes in base64 looks just so. */
function looksLegacy(text: string): boolean {
  if (!/^(?:[A-Za-z0-9+/]{60}\n)*[A-Za-z0-9+/]{1,60}={0,2}\n$/.test(text)) return false;
  const letters = text.replace(/[\n=]/g, "").length;
  const padded = text.replace(/\n/g, "").length;
  return padded % 4 === 0 && Math.floor((letters * 3) / 4) % CBC_BLOCK_SIZE === 0;
}

function isLegacy([name, raw]: readonly [string, ExactJson]): boolean {
  return name !== "id" && typeof raw === "string";
}

function assertVersion(raw: ExactJson, minimum: DataBagVersion, what: string): void {
  const version = versionOf(raw, what);
  if (version >= minimum) return;
  throw new KeywardError(
    "denied",
    `${what}: is of version ${version}, and ${minimum} is the least that is taken`,
  );
}

/** When other values of the item open under the secret, a value that does not was changed. */
function asDamage(
  item: StoredItem,
  problems: ReadonlyMap<string, KeywardError>,
): ReadonlyMap<string, KeywardError> {
  const seen = new Map<string, KeywardError>();
  for (const [name, error] of problems)
    seen.set(name, error.code === "wrong-key" ? damaged(placeOf(item, name), error) : error);
  return seen;
}

function damaged(what: string, cause: KeywardError): KeywardError {
  const message = `${what}: was changed: the secret opens other values of the item, not this one`;
  const hint = "it may have been encrypted under another secret and put here";
  return new KeywardError("integrity", message, { hint, cause });
}

function ofWhole(
  item: StoredItem,
  problems: readonly (readonly [string, KeywardError])[],
  values: number,
): KeywardError {
  const codes = new Set(problems.map(([, error]) => error.code));
  const [[, first] = ["", undefined]] = problems;
  const some = problems.length > 1 && codes.size === 1;
  if (some && codes.has("denied"))
    return new KeywardError(
      "denied",
      `${nameOf(item)}: these values are of a version below the least that is taken: ${namesIn(problems)}`,
    );
  if (some && codes.has("malformed") && problems.length < values)
    return new KeywardError(
      "malformed",
      `${nameOf(item)}: these values are not encrypted, or cut short: ${namesIn(problems)}`,
      { hint: "the secret opens the other ones" },
    );
  if (problems.length < values)
    return new KeywardError("integrity", `${nameOf(item)}: these values do not open: ${namesIn(problems)}`, {
      hint: "the secret opens the other ones",
    });
  if (codes.size === 1 && codes.has("wrong-key"))
    return new KeywardError("wrong-key", `${nameOf(item)}: this secret opens nothing of it`, {
      hint: "it is another secret, or the item was changed",
    });
  if (problems.length > 1 && [...formsOf(item).values()].every((form) => form === "plain"))
    return new KeywardError("malformed", `${nameOf(item)}: is not encrypted`);
  return first ?? new KeywardError("malformed", `${nameOf(item)}: does not open`);
}

function namesIn(problems: readonly (readonly [string, KeywardError])[]): string {
  const names = problems.map(([name]) => printable(name));
  return names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", ");
}

function nameOf(item: ExactObject): string {
  const id = item.get("id");
  return `data bag item ${printable(typeof id === "string" ? id : "")}`;
}

function placeOf(item: ExactObject, name: string): string {
  return `${nameOf(item)}, ${printable(name)}`;
}
