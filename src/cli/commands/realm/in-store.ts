/** Realms of a store: its derived keys, of which each node makes its own value from its own seed. */
import type { BodyOf, ResponseOf } from "../../../api/shapes.ts";
import { isKeywardError, KeywardError } from "../../../base/errors.ts";
import { closest } from "../../../base/suggest.ts";
import type { UnixMs } from "../../../base/time.ts";
import { everyPage } from "../../../command/paging.ts";
import { present } from "../../../command/read-flags.ts";
import { time } from "../../../command/view.ts";
import { parseKeyName, printable } from "../../../model/name.ts";
import type { StoredRealm } from "../../../seed/merge.ts";
import type { ChangeSession, LookSession, RealmRow, Realms, RealmsToLook, Written } from "./realms.ts";

type Key = ResponseOf<"key.list">["keys"][number];
type DerivedKey = Key & { readonly origin: Extract<Key["origin"], { kind: "derived" }> };
export type DeriveBody = BodyOf<"key.derive">;

export function storeRealmsToLook(session: LookSession): RealmsToLook {
  return {
    list: async () => ({ realms: (await derivedKeys(session)).map(rowOf), about: {} }),
    find: async (name) => rowOf(await findKey(session, name)),
  };
}

export function storeRealms(session: ChangeSession): Realms {
  const { call, dryRun } = session;
  const said = async ({ name, version }: { name: string; version: number }): Promise<Written> => {
    const also = dryRun ? [] : retiring(await findKey(session, name));
    return { name, version, also };
  };
  return {
    ...storeRealmsToLook(session),
    async add({ name, derivation, encoding, version, delivery, note }) {
      if (delivery !== undefined || note !== undefined) {
        throw new KeywardError("usage", "--file, --consumer and --note are for a ledger's file", {
          hint: `with a server a grant says where it goes: keyward grant add ${name} --to QUERY`,
        });
      }
      const complete = { ...derivation, scheme: derivation.scheme ?? "keyward-1" } as const;
      const body = { derivation: complete, encoding, number: version, expected: 0 } as DeriveBody;
      return await said(await call("key.derive", { path: { name }, body }));
    },
    async set(name) {
      throw new KeywardError("usage", "a realm's form, file and note are changed in a ledger's file only", {
        hint: `in a store a grant says where it goes: keyward grant list; the form goes with a new version: keyward key derive ${name} --format FORM`,
      });
    },
    async bump(name, retire) {
      const { origin, versions } = await findKey(session, name);
      const path = { name: parseKeyName(name) };
      if (retire === undefined) return await said(await call("key.rotate", { path, body: {} }));
      const number = (versions.at(-1)?.number ?? 0) + 1;
      const body = present({ derivation: origin.derivation, encoding: origin.encoding, number, retire });
      return await said(await call("key.derive", { path, body }));
    },
    async retire(name, version, within) {
      const key = await findKey(session, name);
      if (version === undefined || within !== undefined) {
        throw new KeywardError("usage", "in a store one version is ended at a time, and at once", {
          hint: `give --version N without --in; to remove the key: keyward key rm ${key.name}`,
        });
      }
      await call("key.destroy", { path: { name: key.name }, body: { version } });
      return await said({ name, version });
    },
  };
}

/** Every derived key as the ledger's merge takes it; a version that is pending is not counted yet. */
export async function storedRealms(session: LookSession, prefix?: string): Promise<StoredRealm[]> {
  return (await derivedKeys(session, prefix)).map(({ name, origin, versions }) => ({
    name: parseKeyName(name),
    derivation: origin.derivation,
    encoding: origin.encoding,
    versions: versions.flatMap(({ number, state, created }): StoredRealm["versions"][number][] => {
      const known = stateOf(state);
      return known === null ? [] : [{ number, state: known, created: created as UnixMs }];
    }),
  }));
}

function stateOf(state: Key["versions"][number]["state"]): StoredRealm["versions"][number]["state"] | null {
  switch (state.kind) {
    case "pending":
      return null;
    case "primary":
      return { kind: "current" };
    case "retiring":
      return { kind: "retiring", until: state.until as UnixMs };
    case "destroyed":
      return { kind: "retired", at: state.at as UnixMs };
  }
}

async function keysOf(session: LookSession, prefix?: string): Promise<Key[]> {
  return await everyPage({}, async (page) => {
    const answer = await session.call("key.list", { query: present({ prefix, ...page }) });
    return { items: answer.keys, more: answer.more, last: answer.keys.at(-1)?.name };
  });
}

async function derivedKeys(session: LookSession, prefix?: string): Promise<DerivedKey[]> {
  return (await keysOf(session, prefix)).filter(isDerived);
}

function isDerived(key: Key): key is DerivedKey {
  return key.origin.kind === "derived";
}

async function findKey(session: LookSession, name: string): Promise<DerivedKey> {
  const key = await showKey(session, name);
  if (key !== null && isDerived(key)) return key;
  if (key !== null)
    throw new KeywardError("not-found", `no such realm: ${printable(name)} is a ${key.origin.kind} key`, {
      hint: `see: keyward key show ${name}`,
    });
  const names = (await derivedKeys(session)).map((one) => one.name);
  const meant = closest(name, names);
  throw new KeywardError("not-found", `no such realm: ${printable(name)}`, {
    hint: meant === null ? "see: keyward realm list" : `did you mean ${printable(meant)}?`,
  });
}

async function showKey(session: LookSession, name: string): Promise<Key | null> {
  try {
    return await session.call("key.show", { path: { name: parseKeyName(name) } });
  } catch (error) {
    if (isKeywardError(error, "not-found")) return null;
    throw error;
  }
}

function rowOf({ name, origin, versions }: DerivedKey): RealmRow {
  const changed = Math.max(0, ...versions.map(({ created }) => created));
  return { name, derivation: origin.derivation, encoding: origin.encoding, changed, versions };
}

function retiring({ versions }: DerivedKey): string[] {
  return versions.flatMap(({ number, state }) =>
    state.kind === "retiring" ? [`version ${number} stays derivable until ${time(state.until)}`] : [],
  );
}
