/** Making a vault: for whoever makes it, and for those who are named and found. */
import { KeywardError } from "../../base/errors.ts";
import type { ExactJson } from "../../base/exact-json.ts";
import {
  assertReaderName,
  keysIdOf,
  type VaultKeys,
  type VaultMode,
} from "../../formats/chefvault/chefvault.ts";
import { type BagPlace, isThere } from "../data-bag/place.ts";
import type { ChangeNeeds } from "./changing.ts";
import { changeLists, type ReaderChange, withKeys } from "./lists.ts";
import { readersOf, saveNew } from "./saving.ts";
import { withId } from "./values.ts";
import { readKeys, type VaultAt } from "./vault.ts";

export interface Wanted extends Pick<ReaderChange, "addClients" | "addAdmins" | "search"> {
  readonly mode: VaultMode;
}

/**
 * @param values - Asked for when it is known who will read them.
 * @returns Who can read it.
 * @throws KeywardError as `changeLists`, `withKeys`; `conflict` when it is there.
 */
export async function createVault(
  at: VaultAt,
  { mode, ...change }: Wanted,
  values: () => Promise<ReadonlyMap<string, ExactJson>>,
  { reader, directory, version, dryRun, note }: ChangeNeeds,
): Promise<readonly string[]> {
  assertReaderName(reader.name);
  const empty: VaultKeys = {
    id: keysIdOf(at.name),
    admins: [reader.name],
    clients: [],
    search: null,
    mode,
    wrapped: new Map(),
    next: null,
    removed: [],
    named: [],
  };
  const wanted = await changeLists(empty, change, directory, note);
  const none = { ...empty, admins: [] };
  const { lists, readers } = await withKeys(wanted, none, readersOf(wanted.keys), directory, note);
  const plain = withId(at.name, await values());
  if (!dryRun) await saveNew(at, lists.keys, plain, readers, version);
  return readersOf(lists.keys);
}

/** Keys without an item are what a broken creation leaves, and may be made again. @throws KeywardError `conflict` */
export async function assertAbsent(place: BagPlace, at: Omit<VaultAt, "place">): Promise<void> {
  if (!(await place.hasBag(at.bag))) return;
  const ids = await place.items(at.bag);
  if (ids.includes(at.name)) throw isThere(at.bag, at.name);
  if (!ids.includes(keysIdOf(at.name))) return;
  const { keys } = await readKeys({ ...at, place });
  if (keys.next !== null) throw new KeywardError("conflict", "its keys are in the middle of a rotation");
}
