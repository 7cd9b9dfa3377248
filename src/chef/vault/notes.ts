/** What is ours of a vault, in an item beside its keys. It is written before the keys: alone it changes nothing. */
import { isSameJson } from "../../base/exact-json-same.ts";
import {
  formatVaultNotes,
  notesIdOf,
  parseVaultNotes,
  type VaultKeys,
  type VaultNotes,
} from "../../formats/chefvault/chefvault.ts";
import type { StoredItem } from "../../formats/databag/databag.ts";
import type { DataBagItemId } from "../../model/data-bag.ts";
import { printable } from "../../model/name.ts";
import { orNothing } from "./nothing.ts";
import type { VaultAt } from "./vault.ts";

export interface StoredNotes {
  /** As it was read, which is what is compared before it is written. */
  readonly stored: StoredItem | null;
  readonly notes: VaultNotes | undefined;
}

/** @throws KeywardError `malformed`, `too-large` */
export async function readNotes({ place, bag, name }: VaultAt): Promise<StoredNotes> {
  const id = notesIdOf(name) as DataBagItemId;
  const stored = await orNothing(place.read(bag, id));
  return {
    stored,
    notes: stored === null ? undefined : parseVaultNotes(stored, printable(`${bag}/${id}`)),
  };
}

/** @returns `null` when there is nothing to say of them. */
export function notesOf(at: Pick<VaultAt, "name">, keys: VaultKeys): StoredItem | null {
  const { removed, named, mode, next } = keys;
  const rotating = mode === "sparse" && next !== null;
  return formatVaultNotes(notesIdOf(at.name), { rotating, removed, named });
}

/** @returns What stands there now. @throws KeywardError `conflict` when somebody else changed it. */
export async function saveNotes(
  at: VaultAt,
  keys: VaultKeys,
  was: StoredItem | null,
): Promise<StoredItem | null> {
  const { place, bag } = at;
  const id = notesIdOf(at.name) as DataBagItemId;
  const made = notesOf(at, keys);
  if (made === null) {
    if (was !== null) await orNothing(place.remove(bag, id));
  } else if (was === null) await place.create(bag, id, made);
  else if (!isSameJson(made, was)) await place.replace(bag, id, made, was);
  return made;
}
