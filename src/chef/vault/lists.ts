/** Who will read a vault: its lists after a change, the keys to wrap for, and who gains and loses by it. */
import type { KeyObject } from "node:crypto";
import { KeywardError } from "../../base/errors.ts";
import { inParallel } from "../../base/in-parallel.ts";
import { assertReaderName, type VaultKeys, type VaultMode } from "../../formats/chefvault/chefvault.ts";
import { printable } from "../../model/name.ts";
import type { Directory } from "./directory.ts";
import { readersOf } from "./saving.ts";

export interface ReaderChange {
  /** Take every client away first. */
  readonly clean?: boolean;
  /** Take clients away that the stored search does not find any more, but for those added by name. */
  readonly cleanUnknown?: boolean;
  /** Run this search from now on. */
  readonly search?: string;
  /** Run the stored one. */
  readonly refresh?: boolean;
  readonly addClients?: readonly string[];
  readonly addAdmins?: readonly string[];
  readonly removeClients?: readonly string[];
  readonly removeAdmins?: readonly string[];
  readonly mode?: VaultMode;
}

export interface Lists {
  readonly keys: VaultKeys;
  /** Names that the search found. */
  readonly found: readonly string[];
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

type Note = (line: string) => void;

/** Keys asked for at once. */
const WIDTH = 8;

/** @throws KeywardError `usage` for a name that a vault keeps for itself, `not-found` for a refresh without a search. */
export async function changeLists(
  before: VaultKeys,
  change: ReaderChange,
  directory: Pick<Directory, "search">,
  note: Note,
): Promise<Lists> {
  const { addClients = [], addAdmins = [], removeClients = [], removeAdmins = [] } = change;
  for (const name of [...addClients, ...addAdmins]) assertReaderName(name);
  const search = change.search ?? before.search;
  const found = await findBy(search, change, directory, note);
  const gone = new Set(removeClients);
  const known = new Set(found);
  const named = union(before.named, addClients).filter((name) => !gone.has(name));
  const kept = (change.clean === true ? [] : before.clients).filter(
    (name) => change.cleanUnknown !== true || known.has(name) || named.includes(name),
  );
  // Asked for by hand, a search brings everybody back; a refresh does not.
  const excluded = new Set(change.search === undefined ? before.removed : []);
  const adds = change.search !== undefined || change.refresh === true;
  const joining = adds ? found.filter((name) => !excluded.has(name)) : [];
  for (const name of adds ? found.filter((one) => excluded.has(one)) : [])
    note(
      `${printable(name)}: was removed, and is not brought back; to add it by name: -C ${printable(name)}`,
    );
  const clients = union(union(kept, joining), addClients).filter((name) => !gone.has(name));
  const admins = union(before.admins, addAdmins).filter((name) => !removeAdmins.includes(name));
  const keys: VaultKeys = {
    ...before,
    admins,
    clients,
    search,
    mode: change.mode ?? before.mode,
    next: null,
    removed: union(before.removed, removeClients).filter((name) => !clients.includes(name)),
    named: named.filter((name) => clients.includes(name)),
  };
  return { keys, found: joining, ...difference(before, keys) };
}

/**
 * The keys of all these readers. Clients without one are taken off the lists, and said.
 *
 * @throws KeywardError `not-found` for an admin without one.
 */
export async function withKeys(
  lists: Lists,
  before: VaultKeys,
  wanted: readonly string[],
  directory: Directory,
  note: Note,
): Promise<{ lists: Lists; readers: ReadonlyMap<string, KeyObject> }> {
  const admins = new Set(lists.keys.admins);
  const found = await inParallel(wanted, WIDTH, async (name) => {
    const key = await (admins.has(name) ? directory.admin(name) : directory.client(name));
    if (key !== null || !admins.has(name)) return [name, key] as const;
    throw new KeywardError(
      "not-found",
      `admin ${printable(name)}: is no user and no client, or has no public key`,
      {
        hint: "when it is gone for good: keyward vault-item remove VAULT ITEM -A NAME",
      },
    );
  });
  const readers = new Map<string, KeyObject>();
  const without = new Set<string>();
  for (const [name, key] of found)
    if (key !== null) readers.set(name, key);
    else {
      without.add(name);
      note(`client ${printable(name)}: has no public key, and is left out`);
    }
  if (without.size === 0) return { lists, readers };
  const keys = { ...lists.keys, clients: lists.keys.clients.filter((name) => !without.has(name)) };
  return { lists: { ...lists, keys, ...difference(before, keys) }, readers };
}

async function findBy(
  search: string | null,
  change: ReaderChange,
  directory: Pick<Directory, "search">,
  note: Note,
): Promise<readonly string[]> {
  if (change.search === undefined && change.refresh !== true && change.cleanUnknown !== true) return [];
  if (search === null)
    throw new KeywardError("not-found", "the vault has no search to run again", {
      hint: "give it one: keyward vault-item update VAULT ITEM -S QUERY",
    });
  const found = await directory.search(search);
  if (found.length === 0) note("the search found no node");
  const usable = found.filter(isReaderName);
  for (const name of found.filter((one) => !usable.includes(one)))
    note(`node ${printable(name)}: a vault keeps something else under that name, and it is left out`);
  return usable;
}

function isReaderName(name: string): boolean {
  try {
    assertReaderName(name);
    return true;
  } catch {
    return false;
  }
}

function difference(before: VaultKeys, after: VaultKeys): Pick<Lists, "gained" | "lost"> {
  const [was, is] = [readersOf(before), readersOf(after)];
  const [wasSet, isSet] = [new Set(was), new Set(is)];
  return { gained: is.filter((name) => !wasSet.has(name)), lost: was.filter((name) => !isSet.has(name)) };
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])];
}
