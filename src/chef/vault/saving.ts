/**
 * Saving a vault: which writes, and in which order, so that whoever is killed between two of them leaves one that
 * opens. The order, and why: docs/formats/chefvault.md.
 */
import type { KeyObject } from "node:crypto";
import { KeywardError } from "../../base/errors.ts";
import { isSameJson } from "../../base/exact-json-same.ts";
import { formatExactJson } from "../../base/exact-json-text.ts";
import type { Secret } from "../../base/secret.ts";
import {
  formatVaultKeys,
  keysIdOf,
  makeSharedSecret,
  notesIdOf,
  type VaultKeys,
  wrapSecret,
} from "../../formats/chefvault/chefvault.ts";
import {
  type DataBagVersion,
  dataBagSecret,
  encryptDataBagItem,
  type PlainItem,
  type StoredItem,
} from "../../formats/databag/databag.ts";
import type { DataBagItemId } from "../../model/data-bag.ts";
import { notesOf, saveNotes } from "./notes.ts";
import { orNothing } from "./nothing.ts";
import { dropStale, putSparse, sparseKeysOf } from "./sparse.ts";
import { nameOf, type Vault, type VaultAt } from "./vault.ts";

/** Keys of everybody who reads, by name. */
export type ReaderKeys = ReadonlyMap<string, KeyObject>;

export function readersOf({ admins, clients }: Pick<VaultKeys, "admins" | "clients">): string[] {
  return [...new Set([...admins, ...clients])];
}

/** A new one. What a broken creation left is overwritten. */
export async function saveNew(
  at: VaultAt,
  keys: VaultKeys,
  plain: PlainItem,
  readers: ReaderKeys,
  version: DataBagVersion,
): Promise<void> {
  const { place, bag, name } = at;
  using secret = makeSharedSecret();
  const wrapped = wrapAll(secret, readersOf(keys), readers);
  const item = sealWith(secret, plain, version);
  if (!(await place.hasBag(bag))) await place.makeBag(bag);
  const notes = notesOf(at, keys);
  if (notes !== null) await place.put(bag, notesId(at), notes);
  else await orNothing(place.remove(bag, notesId(at)));
  const sparse = keys.mode === "sparse";
  if (sparse) await putSparse(at, wrapped);
  await place.put(bag, keysId(at), formatVaultKeys({ ...keys, wrapped: sparse ? new Map() : wrapped }));
  await place.create(bag, name, item);
}

/** Values under the same secret: one write. Those that stay the same keep their bytes. */
export async function saveValues(vault: Vault, plain: PlainItem, version: DataBagVersion): Promise<void> {
  const { place, bag, name, storedItem } = vault;
  const sealed = new Map(sealWith(vault.secret, plain, version));
  for (const [member, value] of plain.members()) {
    const [was, kept] = [vault.plain.get(member), storedItem.get(member)];
    if (was !== undefined && kept !== undefined && formatExactJson(was) === formatExactJson(value))
      sealed.set(member, kept);
  }
  await place.replace(bag, name, sealed, storedItem);
}

/**
 * The same secret for other readers, or in another mode. Nobody loses access by this.
 *
 * @param again - Whose key is wrapped again; the others' stay byte for byte.
 * @param held - As `wrappedKeysOf` gives it.
 */
export async function saveKeys(
  vault: Vault,
  keys: VaultKeys,
  readers: ReaderKeys,
  again: ReadonlySet<string>,
  held: ReadonlyMap<string, string>,
): Promise<void> {
  const wrapped = new Map<string, string>();
  for (const reader of readersOf(keys)) {
    const kept = again.has(reader) ? undefined : held.get(reader);
    wrapped.set(reader, kept ?? wrapSecret(vault.secret, keyFor(reader, readers)));
  }
  assertSomebody(vault, wrapped);
  await saveNotes(vault, keys, vault.storedNotes);
  const sparse = keys.mode === "sparse";
  const there = vault.keys.mode === "sparse" ? held : new Map<string, string>();
  if (sparse)
    await putSparse(vault, new Map([...wrapped].filter(([name, text]) => there.get(name) !== text)));
  await replaceKeys(vault, { ...keys, wrapped: sparse ? new Map() : wrapped }, vault.storedKeys);
}

/** @returns What stands there now. */
async function replaceKeys(at: VaultAt, keys: VaultKeys, was: StoredItem): Promise<StoredItem> {
  const made = formatVaultKeys(keys);
  if (!isSameJson(made, was)) await at.place.replace(at.bag, keysId(at), made, was);
  return made;
}

/** Another secret, for these readers alone. */
export async function rotate(
  vault: Vault,
  keys: VaultKeys,
  plain: PlainItem,
  readers: ReaderKeys,
  version: DataBagVersion,
): Promise<void> {
  const { place, bag, name } = vault;
  const sparse = keys.mode === "sparse";
  const names = readersOf(keys);
  using secret = makeSharedSecret();
  const next = wrapAll(secret, names, readers);
  assertSomebody(vault, next);
  const held = await wrappedKeysOf(vault);
  const now = new Map([...held].filter(([reader]) => names.includes(reader)));

  const begun = { ...keys, wrapped: sparse ? new Map() : now, next: sparse ? new Map() : next };
  const storedNotes = await saveNotes(vault, begun, vault.storedNotes);
  // Before the keys item says that they are there.
  if (sparse) await putSparse(vault, now, next);
  const storedKeys = await replaceKeys(vault, begun, vault.storedKeys);
  await place.replace(bag, name, sealWith(secret, plain, version), vault.storedItem);
  await finish(vault, keys, next, { storedKeys, storedNotes });
}

/** What is left of a rotation whose item is written: the next keys become the keys. */
export async function finish(
  at: VaultAt,
  keys: VaultKeys,
  next: ReadonlyMap<string, string>,
  { storedKeys, storedNotes }: Pick<Vault, "storedKeys" | "storedNotes">,
): Promise<void> {
  const sparse = keys.mode === "sparse";
  if (sparse) await putSparse(at, next);
  const done = { ...keys, wrapped: sparse ? new Map() : next, next: null };
  await replaceKeys(at, done, storedKeys);
  await saveNotes(at, done, storedNotes);
}

/** Sparse keys of nobody who reads, from now or from a run that was cut off. */
export async function tidy(at: VaultAt, keys: VaultKeys): Promise<void> {
  await dropStale(at, keys.mode === "sparse" ? readersOf(keys) : []);
}

/** The item goes first: keys without an item open nothing. */
export async function removeVault(at: VaultAt): Promise<void> {
  const { place, bag, name } = at;
  await orNothing(place.remove(bag, name));
  await dropStale(at, []);
  await orNothing(place.remove(bag, notesId(at)));
  await orNothing(place.remove(bag, keysId(at)));
}

/** By reader, what is wrapped now: under their names, and in items of their own. */
export async function wrappedKeysOf(vault: Vault): Promise<ReadonlyMap<string, string>> {
  if (vault.keys.mode !== "sparse") return vault.keys.wrapped;
  const own = [...(await sparseKeysOf(vault))].flatMap(([reader, { wrapped }]) =>
    wrapped === null ? [] : [[reader, wrapped] as const],
  );
  return new Map([...vault.keys.wrapped, ...own]);
}

function wrapAll(secret: Secret, names: readonly string[], readers: ReaderKeys): ReadonlyMap<string, string> {
  return new Map(names.map((reader) => [reader, wrapSecret(secret, keyFor(reader, readers))]));
}

function keyFor(reader: string, readers: ReaderKeys): KeyObject {
  const key = readers.get(reader);
  if (key === undefined) throw new KeywardError("internal", "vault: a reader without a key");
  return key;
}

function sealWith(secret: Secret, plain: PlainItem, version: DataBagVersion): StoredItem {
  using sealing = dataBagSecret(secret, "shared secret");
  return encryptDataBagItem(plain, sealing, { version });
}

function keysId({ name }: VaultAt): DataBagItemId {
  return keysIdOf(name) as DataBagItemId;
}

function notesId({ name }: VaultAt): DataBagItemId {
  return notesIdOf(name) as DataBagItemId;
}

function assertSomebody(at: VaultAt, wrapped: ReadonlyMap<string, string>): void {
  if (wrapped.size > 0) return;
  throw new KeywardError("usage", `${nameOf(at)}: nobody could read it`, { hint: "name an admin: -A NAME" });
}
