/** Reading: keys without their values, and values one at a time. */
import type { Act, Caller, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { type Key, primaryOf, type VersionNumber } from "../model/key.ts";
import { type KeyName, printable } from "../model/name.ts";
import type { KeyRow } from "../records/records.ts";
import { compareKeys } from "../store/key.ts";
import type { Transaction } from "../store/store.ts";
import type { Keyring } from "./keyring.ts";
import { findKey, listKeys, loadKey } from "./rows.ts";
import { type Scope, scopesOf } from "./scopes.ts";
import type { Values } from "./values.ts";
import { keptVersion, servedVersion } from "./versions.ts";

const MAX_PAGE = 1000;

type Reading = Pick<Keyring, "list" | "show" | "get" | "openVersion">;

export function createReading(needs: { journal: Journal; clock: Clock; values: Values }): Reading {
  const { journal, clock, values } = needs;
  return {
    list(caller, { prefix = "", after, limit = MAX_PAGE } = {}) {
      const scopes = scopesOf(caller.by, prefix);
      return journal.actAll(listActs(caller, prefix, scopes), async (tx) => {
        const wanted = Math.max(1, Math.min(limit, MAX_PAGE));
        const rows = await readScopes(tx, scopes, after ?? "", wanted + 1);
        return { keys: rows.slice(0, wanted).map(withoutDataKey), more: rows.length > wanted };
      });
    },
    show: (caller, name) =>
      journal.act({ ...caller, action: "key:list", resource: name }, async (tx) =>
        withoutDataKey(await loadKey(tx, name)),
      ),
    get: (caller, name, version) =>
      journal.act({ ...caller, action: "key:read", resource: name }, async (tx, detail) => {
        const row = await loadKey(tx, name);
        const { number } = servedVersion(row, version ?? primaryNumber(row), clock());
        detail.version = number;
        assertKept(row, number);
        return { name, version: number, value: await values.get(tx, row, number) };
      }),
    async openVersion(tx, name, version, { over = false } = {}) {
      const row = await loadKey(tx, name);
      const { number } = over ? keptVersion(row, version) : servedVersion(row, version, clock());
      assertKept(row, number);
      return await values.get(tx, row, number);
    },
  };
}

/** An act for each part that is listed; without any, the one that is refused. */
function listActs(caller: Caller, prefix: string, scopes: readonly Scope[]): Act[] {
  const resources = scopes.length === 0 ? [prefix] : scopes.map(({ text }) => text);
  return resources.map((resource) => ({ ...caller, action: "key:list", resource }));
}

async function readScopes(
  tx: Transaction,
  scopes: readonly Scope[],
  after: string,
  limit: number,
): Promise<KeyRow[]> {
  const rows: KeyRow[] = [];
  for (const scope of scopes) {
    if (rows.length >= limit) break;
    rows.push(...(await readScope(tx, scope, after, limit - rows.length)));
  }
  return rows;
}

async function readScope(tx: Transaction, scope: Scope, after: string, limit: number): Promise<KeyRow[]> {
  if (scope.kind === "under")
    return listKeys(tx, { under: scope.text, limit, ...(after !== "" && { after }) });
  const row = compareKeys(scope.text, after) > 0 ? await findKey(tx, scope.text as KeyName) : null;
  return row === null ? [] : [row];
}

/** @throws KeywardError `usage` for a version that nodes derive. */
function assertKept({ name, versions }: Key, number: VersionNumber): void {
  const derived = versions.find((version) => version.number === number)?.derived;
  if (derived === undefined) return;
  const { realm } = derived.derivation;
  throw new KeywardError(
    "usage",
    `key ${printable(name)}: version ${number} is derived on each node from the node's own seed, so no value is kept`,
    {
      hint: `on the node it lies where its grant says, and keyward derive makes it again for realm ${printable(realm)}; public halves: keyward key public ${name}`,
    },
  );
}

export function withoutDataKey({ dataKey: _, ...key }: KeyRow): Key {
  return key;
}

function primaryNumber(key: Key): VersionNumber {
  const primary = primaryOf(key);
  if (primary !== null) return primary.number;
  throw new KeywardError("not-found", `key ${printable(key.name)}: has no primary version`, {
    hint: `run: keyward key show ${key.name}`,
  });
}
