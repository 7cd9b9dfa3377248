/**
 * The keys item of a vault.
 *
 *     id             NAME_keys
 *     admins         names, a list
 *     clients        names, a list
 *     search_query   text; an empty list when there is none
 *     mode           "default" or "sparse"; absent in vaults of old
 *     READER         the shared secret wrapped for this reader, base64; in default mode
 *     keyward/vault  ours, in default mode while a rotation is under way: no reader can have a name with a slash
 *         next       by reader, the next shared secret wrapped
 *
 * What else is ours stands in an item of its own (notes-item.ts): chef-vault takes every member that it does not know
 * for a key, and in sparse mode fails over it half-way through a rotation, with the vault lost.
 */
import { KeywardError } from "../../base/errors.ts";
import { type ExactJson, type ExactObject, isExactObject } from "../../base/exact-json.ts";
import { namesIn, reservedNames } from "./names.ts";
import { noNotes, type VaultNotes } from "./notes-item.ts";

export type VaultMode = "default" | "sparse";

export interface VaultKeys {
  readonly id: string;
  readonly admins: readonly string[];
  readonly clients: readonly string[];
  readonly search: string | null;
  /** `null`: not said, which is the default. */
  readonly mode: VaultMode | null;
  readonly wrapped: ReadonlyMap<string, string>;
  /** `null`: no rotation is under way. In sparse mode it is empty: each sparse item has its own. */
  readonly next: ReadonlyMap<string, string> | null;
  readonly removed: readonly string[];
  readonly named: readonly string[];
}

/** The member that is ours. */
export const OWN = "keyward/vault";

/** @param notes - What stands beside it. @throws KeywardError `malformed`, `too-large` */
export function parseVaultKeys(item: ExactObject, what: string, notes: VaultNotes = noNotes): VaultKeys {
  const id = item.get("id");
  if (typeof id !== "string" || !id.endsWith("_keys")) throw malformed(what, "id");
  const mode = modeOf(item.get("mode"), what);
  const own = ownOf(item, what);
  return {
    id,
    admins: namesIn(item.get("admins"), `${what}: admins`),
    clients: namesIn(item.get("clients"), `${what}: clients`),
    search: searchOf(item.get("search_query"), what),
    mode,
    wrapped: wrappedIn(item),
    next: mode === "sparse" && notes.rotating ? new Map() : own,
    removed: notes.removed,
    named: notes.named,
  };
}

/** In chef-vault's order. */
export function formatVaultKeys({
  id,
  admins,
  clients,
  search,
  mode,
  wrapped,
  next,
}: VaultKeys): ExactObject {
  return new Map<string, ExactJson>([
    ["id", id],
    ["admins", admins],
    ["clients", clients],
    ["search_query", search ?? []],
    ...(mode === null ? [] : ([["mode", mode]] as const)),
    ...wrapped,
    ...(next === null || mode === "sparse" ? [] : ([[OWN, new Map([["next", next]])]] as const)),
  ]);
}

function ownOf(item: ExactObject, what: string): ReadonlyMap<string, string> | null {
  const own = item.get(OWN);
  if (own === undefined) return null;
  if (!isExactObject(own)) throw malformed(what, OWN);
  return nextOf(own.get("next"), what);
}

function wrappedIn(item: ExactObject): ReadonlyMap<string, string> {
  const wrapped = new Map<string, string>();
  for (const [name, value] of item)
    if (typeof value === "string" && !reservedNames.includes(name) && name !== OWN) wrapped.set(name, value);
  return wrapped;
}

function nextOf(value: ExactJson | undefined, what: string): ReadonlyMap<string, string> {
  if (!isExactObject(value)) throw malformed(what, "next");
  const texts = [...value].map(([name, text]): [string, string] => {
    if (typeof text !== "string") throw malformed(what, "next");
    return [name, text];
  });
  return new Map(texts);
}

function searchOf(value: ExactJson | undefined, what: string): string | null {
  if (typeof value === "string") return value === "" ? null : value;
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return null;
  throw malformed(what, "search_query");
}

function modeOf(value: ExactJson | undefined, what: string): VaultMode | null {
  if (value === undefined || value === null) return null;
  if (value === "default" || value === "sparse") return value;
  throw malformed(what, "mode");
}

function malformed(what: string, member: string): KeywardError {
  return new KeywardError("malformed", `${what}: not the keys of a vault: ${member}`);
}
