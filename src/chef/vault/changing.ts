/** Changing a vault: a change of readers and of values, by the writes that it needs and no other. */
import type { KeyObject } from "node:crypto";
import { isSameJson } from "../../base/exact-json-same.ts";
import { formatVaultKeys } from "../../formats/chefvault/chefvault.ts";
import type { DataBagVersion, PlainItem } from "../../formats/databag/databag.ts";
import type { Directory } from "./directory.ts";
import { changeLists, type Lists, type ReaderChange, withKeys } from "./lists.ts";
import { notesOf } from "./notes.ts";
import { finish, readersOf, rotate, saveKeys, saveValues, tidy, wrappedKeysOf } from "./saving.ts";
import { nextSparseOf } from "./sparse.ts";
import { nameOf, openVault, type Reader, type Vault, type VaultAt } from "./vault.ts";

export interface VaultChange extends ReaderChange {
  /** What the values become. */
  readonly values?: (before: PlainItem) => PlainItem;
  /** Another secret, whoever gains or loses. */
  readonly rotate?: boolean;
  /** Clients that the search finds get their key wrapped anew, in case theirs is another one by now. */
  readonly wrapAgain?: boolean;
}

export interface Changed {
  readonly gained: readonly string[];
  readonly lost: readonly string[];
  readonly rotated: boolean;
  readonly values: boolean;
}

export interface ChangeNeeds {
  readonly reader: Reader;
  readonly directory: Directory;
  readonly version: DataBagVersion;
  readonly dryRun: boolean;
  readonly note: (line: string) => void;
}

/** @throws KeywardError as `openVault`, `changeLists`, `withKeys`; `conflict` when somebody else changed it. */
export async function changeVault(at: VaultAt, change: VaultChange, needs: ChangeNeeds): Promise<Changed> {
  using vault = await settled(at, needs);
  const { directory, note } = needs;
  const wanted = await changeLists(vault.keys, change, directory, note);
  const plain = change.values?.(vault.plain) ?? vault.plain;
  const values = !isSameJson(plain.members(), vault.plain.members());
  const turns = change.rotate === true || wanted.lost.length > 0 || vault.broken === "begun";
  const again = new Set(change.wrapAgain === true ? wanted.found : []);
  const held = turns ? new Map<string, string>() : await wrappedKeysOf(vault);
  const all = readersOf(wanted.keys);
  const wrapping = turns ? all : all.filter((name) => again.has(name) || !held.has(name));
  const { lists, readers } = await withKeys(wanted, vault.keys, wrapping, directory, note);
  const changed = { gained: lists.gained, lost: lists.lost, rotated: turns || lists.lost.length > 0, values };
  if (needs.dryRun) return changed;
  if (changed.rotated) return await turn(vault, lists, plain, needs, readers, changed);
  if (isOther(vault, lists, readers)) await saveKeys(vault, lists.keys, readers, again, held);
  await tidy(vault, lists.keys);
  if (values) await saveValues(vault, plain, needs.version);
  return changed;
}

/** All the keys are needed then, also when it was a client's missing key that made it a rotation. */
async function turn(
  vault: Vault,
  lists: Lists,
  plain: PlainItem,
  needs: ChangeNeeds,
  readers: ReadonlyMap<string, KeyObject>,
  changed: Changed,
): Promise<Changed> {
  const missing = readersOf(lists.keys).filter((name) => !readers.has(name));
  const rest = await withKeys(lists, vault.keys, missing, needs.directory, needs.note);
  await rotate(vault, rest.lists.keys, plain, new Map([...readers, ...rest.readers]), needs.version);
  await tidy(vault, rest.lists.keys);
  return { ...changed, gained: rest.lists.gained, lost: rest.lists.lost };
}

/** Opens it, and ends a rotation whose item was written already. */
async function settled(at: VaultAt, { reader, dryRun, note }: ChangeNeeds): Promise<Vault> {
  const vault = await openVault(at, reader);
  if (vault.broken === null) return vault;
  note(`${nameOf(at)}: a rotation was broken off; ${dryRun ? "it would be ended" : "it is ended"}`);
  if (vault.broken === "begun" || dryRun) return vault;
  try {
    const next = vault.keys.mode === "sparse" ? await nextSparseOf(at) : (vault.keys.next ?? new Map());
    await finish(at, vault.keys, next, vault);
  } finally {
    vault[Symbol.dispose]();
  }
  return await openVault(at, reader);
}

function isOther(vault: Vault, { keys }: Lists, readers: ReadonlyMap<string, unknown>): boolean {
  const before = { ...vault.keys, next: null };
  return (
    readers.size > 0 ||
    !isSameJson(formatVaultKeys(keys), formatVaultKeys(before)) ||
    !isSameJson(notesOf(vault, keys) ?? undefined, vault.storedNotes ?? undefined)
  );
}
