/** `knife data bag …`. */
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fromUtf8 } from "../../base/bytes.ts";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import type { ExactJson, ExactObject } from "../../base/exact-json.ts";
import { readBytes } from "../../command/read-file.ts";
import {
  type DataBagSecret,
  decryptDataBagItem,
  encryptDataBagItem,
  encryptUnlessEncrypted,
  PlainItem,
  parseStoredItem,
  type StoredItem,
} from "../../formats/databag/databag.ts";
import {
  type DataBagItemId,
  type DataBagName,
  parseDataBagItemId,
  parseDataBagName,
} from "../../model/data-bag.ts";
import { printable } from "../../model/name.ts";
import { MAX_ITEM_FILE } from "../data-bag/repository.ts";
import { hasEncrypted } from "../data-bag/shown.ts";
import type { KnifeCall } from "./call.ts";
import { KnifeExit, KnifeFailure } from "./failure.ts";
import { Mash, type Shown } from "./shown.ts";

export async function listBags(call: KnifeCall): Promise<void> {
  const place = await call.place();
  const names = await place.bags();
  call.ui.output(call.typed.on("with_uri") ? urisOf(call, "data", names) : names);
}

/** Names with where they are. */
export function urisOf({ config }: KnifeCall, under: string, names: readonly string[]): Shown {
  const base = (config.server ?? "").replace(/\/+$/, "");
  return new Map(names.map((name) => [name, `${base}/${under}/${encodeURIComponent(name)}`]));
}

export async function showBag(call: KnifeCall): Promise<void> {
  const { ui, words } = call;
  if (words.length !== 1 && words.length !== 2) call.refuse("");
  const bag = parseDataBagName(call.word(0));
  if (words.length === 1) return ui.output(await (await call.place()).items(bag));
  using secret = call.secret("open");
  const stored = await (await call.place()).read(bag, parseDataBagItemId(call.word(1)));
  const encrypted = hasEncrypted(stored);
  if (encrypted && secret !== null) {
    ui.info("Encrypted data bag detected, decrypting with provided secret.");
    return ui.output((await opened(stored, secret)).members());
  }
  if (encrypted)
    ui.warn("Encrypted data bag detected, but no secret provided for decoding. Displaying encrypted data.");
  else if (secret !== null) ui.warn("Unencrypted data bag detected, ignoring any provided secret options.");
  ui.output(new Mash(stored));
}

export async function createBag(call: KnifeCall): Promise<void> {
  const { ui, words } = call;
  if (words.length === 0) call.refuse("USAGE: ", "You must specify a data bag name");
  const bag = newName(call, call.word(0));
  const place = await call.place();
  ui.info((await place.makeBag(bag)) ? `Created data_bag[${bag}]` : `Data bag ${bag} already exists`);
  if (words.length < 2) return;
  const named = parseDataBagItemId(call.word(1));
  const plain = await call.edited(new Map([["id", named]]), named);
  const id = idOf(plain.members());
  using secret = call.secret("seal");
  const item = sealed(plain.members(), secret);
  await place.create(bag, id, item);
  ui.msg(`Created data_bag_item[${named}]`);
  if (call.typed.on("print_after")) ui.output(new Mash(item));
}

export async function editItem(call: KnifeCall): Promise<void> {
  const { ui } = call;
  if (call.words.length !== 2) {
    ui.msg("You must supply the data bag and an item to edit");
    call.refuse("");
  }
  const [bag, id] = [parseDataBagName(call.word(0)), parseDataBagItemId(call.word(1))];
  const place = await call.place();
  const stored = await place.read(bag, id);
  const encrypted = hasEncrypted(stored);
  using secret = call.secret(encrypted ? "open" : "seal");
  if (encrypted && secret === null)
    ui.fatal("You cannot edit an encrypted data bag without providing the secret.");
  const before = encrypted && secret !== null ? await opened(stored, secret) : new PlainItem(stored);
  const after = await call.edited(before.members(), id);
  ui.info(
    secret === null
      ? "Saving data bag unencrypted. To encrypt it, provide an appropriate secret."
      : "Encrypting data bag using provided secret.",
  );
  assertSameId(after, id);
  await place.replace(bag, id, sealed(after.members(), secret), stored);
  ui.msg(`Saved data_bag_item[${id}]`);
  if (call.typed.on("print_after")) ui.output(after.members());
}

export async function deleteBag(call: KnifeCall): Promise<void> {
  const { ui, words } = call;
  if (words.length !== 1 && words.length !== 2)
    call.refuse("USAGE: ", "You must specify at least a data bag name");
  const bag = parseDataBagName(call.word(0));
  await ui.confirm(`Do you really want to delete ${call.word(words.length - 1)}`);
  const place = await call.place();
  if (words.length === 1) {
    for (const id of await place.items(bag)) await place.remove(bag, id as DataBagItemId);
    await place.removeBag(bag);
    return ui.msg(`Deleted data_bag[${bag}]`);
  }
  const id = parseDataBagItemId(call.word(1));
  const stored = await place.read(bag, id);
  await place.remove(bag, id);
  if (call.typed.on("print_after")) ui.output(asObject(bag, id, stored));
  ui.msg(`Deleted data_bag_item[${id}]`);
}

/** An item as Chef's own class writes it. */
export function asObject(bag: string, id: string, item: StoredItem): ExactObject {
  return new Map<string, ExactJson>([
    ["name", `data_bag_item_${bag}_${id}`],
    ["json_class", "Chef::DataBagItem"],
    ["chef_type", "data_bag_item"],
    ["data_bag", bag],
    ["raw_data", item],
  ]);
}

export async function fromFile(call: KnifeCall): Promise<void> {
  const all = call.typed.on("all");
  if (!all && call.words.length < 2) call.refuse("");
  using secret = call.secret("seal");
  const place = await call.place();
  const bags = all && call.words.length === 0 ? foldersIn(call.file("data_bags")) : [call.word(0)];
  for (const word of bags) {
    const bag = parseDataBagName(word);
    const files = all ? [path.join("data_bags", bag)] : call.words.slice(1);
    const items = files.flatMap((file) => filesAt(call, file)).map((file) => readItem(call, bag, file));
    if (!(await place.hasBag(bag)))
      throw new KeywardError(
        "not-found",
        `No data bag ${printable(bag)} could be found. Please create this data bag before adding items to it.`,
      );
    // A file that is encrypted already is taken as it is.
    for (const { id, item } of items) {
      await place.put(bag, id, secret === null ? item : await encryptUnlessEncrypted(item, secret));
      call.ui.info(`Updated data_bag_item[${bag}::${id}]`);
    }
  }
}

function filesAt(call: KnifeCall, name: string): string[] {
  const at = call.file(name);
  if (!existsSync(at) || !statSync(at).isDirectory()) return [name];
  return readdirSync(at)
    .filter((one) => one.endsWith(".json") && !one.startsWith("."))
    .sort()
    .map((one) => path.join(name, one));
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return entries.map(({ name }) => name).sort();
}

function readItem(call: KnifeCall, bag: DataBagName, file: string): { id: DataBagItemId; item: StoredItem } {
  const inBag = path.join("data_bags", bag, file);
  const at = [file, inBag].map((one) => call.file(one)).find((one) => existsSync(one));
  if (at === undefined) {
    call.ui.error(`Could not find or open file '${file}' in current directory or in '${inBag}'`);
    throw new KnifeExit(1);
  }
  try {
    const item = parseStoredItem(fromUtf8(readBytes(at, "item", MAX_ITEM_FILE), file), file);
    return { id: idOf(item), item };
  } catch (error) {
    if (!isKeywardError(error, "malformed")) throw error;
    throw new KnifeFailure("FFI_Yajl::ParseError", `parse error: ${error.message}`);
  }
}

function idOf(item: ExactObject): DataBagItemId {
  const id = item.get("id");
  if (typeof id === "string") return parseDataBagItemId(id);
  throw new KnifeFailure(
    "Chef::Exceptions::InvalidDataBagItemID",
    "Data Bag items must have an id matching /^[\\.\\-[:alnum:]_]+$/, you gave: nil",
  );
}

function assertSameId(item: PlainItem, id: DataBagItemId): void {
  if (item.id === id) return;
  throw new KnifeFailure(
    "Chef::Exceptions::ValidationFailed",
    "the edited item has another id; it is as it was",
  );
}

function sealed(item: ExactObject, secret: DataBagSecret | null): StoredItem {
  return secret === null ? item : encryptDataBagItem(new PlainItem(item), secret);
}

async function opened(stored: StoredItem, secret: DataBagSecret): Promise<PlainItem> {
  try {
    return await decryptDataBagItem(stored, secret);
  } catch (error) {
    if (!isKeywardError(error, "wrong-key")) throw error;
    throw new KnifeFailure(
      "Chef::EncryptedDataBagItem::DecryptionFailure",
      "Error decrypting data bag value: ''. Most likely the provided key is incorrect. ",
    );
  }
}

function newName({ ui }: KnifeCall, text: string): DataBagName {
  if (/^(?:node|role|environment|client)$/.test(text))
    ui.fatal(
      `DataBags may not have a name matching /^(node|role|environment|client)$/, you gave ${JSON.stringify(text)}`,
    );
  try {
    return parseDataBagName(text);
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    return ui.fatal(
      `DataBags must have a name matching /^[\\.\\-[:alnum:]_]+$/, you gave ${JSON.stringify(text)}`,
    );
  }
}
