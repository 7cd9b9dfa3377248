/** Keys of a vault in items of their own: sparse mode. */
import { isKeywardError } from "../../base/errors.ts";
import { inParallel } from "../../base/in-parallel.ts";
import {
  formatSparseKey,
  notesIdOf,
  parseSparseKey,
  type SparseKey,
  sparseIdOf,
} from "../../formats/chefvault/chefvault.ts";
import type { StoredItem } from "../../formats/databag/databag.ts";
import type { DataBagItemId } from "../../model/data-bag.ts";
import { orNothing } from "./nothing.ts";
import type { VaultAt } from "./vault.ts";

/** Reads under way at once. */
const WIDTH = 8;

/**
 * By reader, all but these. Items that look like a key and are something else, as a vault called `x_key_y`,
 * are none of ours.
 */
export async function sparseKeysOf(
  at: VaultAt,
  but: ReadonlySet<string> = new Set(),
): Promise<ReadonlyMap<string, SparseKey>> {
  const { place, bag, name } = at;
  const prefix = sparseIdOf(name, "");
  const ids = (await place.items(bag)).filter(
    (id) =>
      id.startsWith(prefix) &&
      id !== notesIdOf(name) &&
      id.length > prefix.length &&
      !but.has(id.slice(prefix.length)),
  );
  const found = await inParallel(ids, WIDTH, async (id) => {
    const item = await orNothing(place.read(bag, id as DataBagItemId));
    return item === null ? null : sparseIn(item, id.slice(prefix.length), id);
  });
  return new Map(found.flatMap((one) => (one === null ? [] : [[one.reader, one] as const])));
}

/** By reader, the next keys that lie in items of their own. */
export async function nextSparseOf(at: VaultAt): Promise<ReadonlyMap<string, string>> {
  const sparse = await sparseKeysOf(at);
  return new Map(
    [...sparse].flatMap(([reader, { next }]) => (next === null ? [] : [[reader, next] as const])),
  );
}

/** One after the other: goiardi loses items of one bag that arrive at once. */
export async function putSparse(
  at: VaultAt,
  wrapped: ReadonlyMap<string, string>,
  next: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  for (const reader of new Set([...wrapped.keys(), ...next.keys()])) {
    const id = sparseIdOf(at.name, reader) as DataBagItemId;
    const key = { id, reader, wrapped: wrapped.get(reader) ?? null, next: next.get(reader) ?? null };
    await at.place.put(at.bag, id, formatSparseKey(key));
  }
}

/** Keys of nobody who reads. */
export async function dropStale(at: VaultAt, readers: readonly string[]): Promise<void> {
  for (const reader of (await sparseKeysOf(at, new Set(readers))).keys())
    await orNothing(at.place.remove(at.bag, sparseIdOf(at.name, reader) as DataBagItemId));
}

function sparseIn(item: StoredItem, reader: string, id: string): SparseKey | null {
  try {
    return parseSparseKey(item, reader, id);
  } catch (error) {
    if (isKeywardError(error, "malformed")) return null;
    throw error;
  }
}
