/**
 * The keys item of a vault.
 *
 *     id             NAME_keys
 *     admins         names, a list
 *     clients        names, a list
 *     search_query   text; an empty list when there is none
 *     mode           "default" or "sparse"; absent in vaults of old
 *     READER         the shared secret wrapped for this reader, base64; in default mode
 *     keyward/vault  ours, absent unless it has something to say: no reader can have a name with a slash
 *         next       by reader, the next shared secret wrapped: a rotation is under way
 *         removed    names that a refresh does not bring back
 *         named      clients that were added by name, which cleaning up leaves
 */
import { KeywardError } from "../../base/errors.ts";
import { type ExactJson, type ExactObject, isExactObject } from "../../base/exact-json.ts";
import { reservedNames } from "./names.ts";

export type VaultMode = "default" | "sparse";

export interface VaultKeys {
  readonly id: string;
  readonly admins: readonly string[];
  readonly clients: readonly string[];
  readonly search: string | null;
  /** `null`: not said, which is the default. */
  readonly mode: VaultMode | null;
  readonly wrapped: ReadonlyMap<string, string>;
  /** `null`: no rotation is under way. */
  readonly next: ReadonlyMap<string, string> | null;
  readonly removed: readonly string[];
  readonly named: readonly string[];
}

/** The member that is ours. */
export const OWN = "keyward/vault";
/** Readers of one vault. */
const MAX_NAMES = 200_000;

/** @throws KeywardError `malformed`, `too-large` */
export function parseVaultKeys(item: ExactObject, what: string): VaultKeys {
  const id = item.get("id");
  if (typeof id !== "string" || !id.endsWith("_keys")) throw malformed(what, "id");
  const own = item.get(OWN);
  if (own !== undefined && !isExactObject(own)) throw malformed(what, OWN);
  return {
    id,
    admins: namesOf(item.get("admins"), what, "admins"),
    clients: namesOf(item.get("clients"), what, "clients"),
    search: searchOf(item.get("search_query"), what),
    mode: modeOf(item.get("mode"), what),
    wrapped: wrappedIn(item),
    next: own?.has("next") ? nextOf(own.get("next"), what) : null,
    removed: own?.has("removed") ? namesOf(own.get("removed"), what, "removed") : [],
    named: own?.has("named") ? namesOf(own.get("named"), what, "named") : [],
  };
}

/** In chef-vault's order. */
export function formatVaultKeys(keys: VaultKeys): ExactObject {
  const { id, admins, clients, search, mode, wrapped } = keys;
  const own = ownOf(keys);
  return new Map<string, ExactJson>([
    ["id", id],
    ["admins", admins],
    ["clients", clients],
    ["search_query", search ?? []],
    ...(mode === null ? [] : ([["mode", mode]] as const)),
    ...wrapped,
    ...(own.size === 0 ? [] : ([[OWN, own]] as const)),
  ]);
}

function ownOf({ next, removed, named }: VaultKeys): ExactObject {
  return new Map<string, ExactJson>([
    ...(next === null ? [] : ([["next", next]] as const)),
    ...(removed.length === 0 ? [] : ([["removed", removed]] as const)),
    ...(named.length === 0 ? [] : ([["named", named]] as const)),
  ]);
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

/** Vaults of the first version have no lists. */
function namesOf(value: ExactJson | undefined, what: string, member: string): readonly string[] {
  if (!Array.isArray(value)) throw malformed(what, member);
  const names = value as readonly ExactJson[];
  if (names.length > MAX_NAMES) throw new KeywardError("too-large", `${what}: more than ${MAX_NAMES} names`);
  return names.map((name) => {
    if (typeof name !== "string") throw malformed(what, member);
    return name;
  });
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
