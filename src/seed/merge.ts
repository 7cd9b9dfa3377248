/**
 * Merge: realms that are listed in two places, a ledger and a store. Neither loses a version by it, and none is
 * lowered: whichever side is ahead stays ahead.
 */
import { KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { UnixMs } from "../base/time.ts";
import type { OpenedSeed } from "../derive/opened.ts";
import type { Ledger, LedgerRealm, RealmVersion, RealmVersionState } from "../formats/ledger/ledger.ts";
import { type KeyName, printable } from "../model/name.ts";
import type { Derivation, KeyEncoding } from "../model/realm.ts";
import { wholeSeconds } from "./ledger.ts";
import { addRealm, changedLedger, currentOf, replacedRealm } from "./realms.ts";

const NOT_NEWEST = "its newest version in the store is not the current one";

/** A realm as a store has it. */
export interface StoredRealm {
  readonly name: KeyName;
  readonly derivation: Derivation;
  readonly encoding: KeyEncoding;
  /** In order of number, those that were never pending alone. */
  readonly versions: readonly Omit<RealmVersion, "tag">[];
}

/** What becomes of one realm. */
export interface Merged {
  readonly name: string;
  readonly change: "add" | "raise" | "keep" | "skip";
  /** The current version there before; absent when there was none. */
  readonly from?: number;
  readonly to?: number;
  readonly because?: string;
}

/**
 * From a store into a ledger.
 *
 * @throws KeywardError `conflict` when a realm is another key here and there: then nothing is merged.
 */
export function mergeIntoLedger(
  ledger: Ledger,
  seed: Pick<OpenedSeed, "tag">,
  stored: readonly StoredRealm[],
  now: UnixMs,
): { readonly ledger: Ledger; readonly merged: readonly Merged[] } {
  const listed = new Map(ledger.realms.map((realm) => [realm.name, realm]));
  assertSameKeys(stored, listed);
  let next = ledger;
  const merged = stored.map((realm): Merged => {
    const { name, derivation, versions } = realm;
    const to = versions.at(-1)?.number ?? 0;
    if (derivation.scheme !== ledger.scheme)
      return { name, change: "skip", because: `it is of scheme ${derivation.scheme}` };
    if (versions.at(-1)?.state.kind !== "current") return { name, change: "skip", because: NOT_NEWEST };
    const mine = listed.get(name);
    const from = mine?.versions.at(-1)?.number;
    if (mine === undefined) {
      const first = { ...realm, version: to };
      next = withVersions(addRealm(next, seed, first, now), seed, realm, [], now);
      return { name, change: "add", to };
    }
    if (from !== undefined && from >= to)
      return { name, change: "keep", from, ...behind(from, to, "the store") };
    next = withVersions(next, seed, realm, mine.versions, now);
    return { name, change: "raise", ...(from === undefined ? {} : { from }), to };
  });
  const changed = merged.some(({ change }) => change === "add" || change === "raise");
  return { ledger: changed ? changedLedger(ledger, next.realms, now) : ledger, merged };
}

/** What a store is to be told, realm by realm, so that it has what the ledger has. */
export interface ForStore extends Merged {
  readonly realm: LedgerRealm;
}

/** @throws KeywardError `conflict` as `mergeIntoLedger`. */
export function mergeIntoStore(ledger: Ledger, stored: readonly StoredRealm[]): readonly ForStore[] {
  const there = new Map(stored.map((realm) => [realm.name, realm]));
  assertSameKeys(ledger.realms, there);
  return ledger.realms.map((realm): ForStore => {
    const { name } = realm;
    const to = currentOf(realm)?.number;
    if (to === undefined) return { realm, name, change: "skip", because: "it is retired" };
    const last = there.get(name)?.versions.at(-1);
    if (last === undefined) return { realm, name, change: "add", to };
    const from = last.number;
    if (last.state.kind !== "current") return { realm, name, change: "skip", from, because: NOT_NEWEST };
    if (from >= to) return { realm, name, change: "keep", from, ...behind(from, to, "the ledger") };
    return { realm, name, change: "raise", from, to };
  });
}

function behind(mine: number, theirs: number, who: string): { readonly because?: string } {
  return mine === theirs ? {} : { because: `${who} has version ${theirs} only` };
}

type Described = Pick<LedgerRealm, "name" | "derivation" | "encoding">;

/** Another kind, text, purpose or encoding is another file on the machine: nobody can say which one is meant. */
function assertSameKeys(some: readonly Described[], others: ReadonlyMap<KeyName, Described>): void {
  const differ = some.filter((realm) => {
    const other = others.get(realm.name);
    return (
      other !== undefined &&
      other.derivation.scheme === realm.derivation.scheme &&
      textOf(other) !== textOf(realm)
    );
  });
  if (differ.length === 0) return;
  const names = differ.map(({ name }) => printable(name)).join(", ");
  throw new KeywardError("conflict", `listed here and there as different keys: ${names}`, {
    hint: "nothing was changed; compare: keyward realm show NAME",
  });
}

/** The order in which a policy is written does not matter. */
function textOf({ derivation, encoding }: Described): string {
  const { kind } = derivation;
  if (kind.kind !== "password") return canonicalJson({ derivation, encoding });
  const { length, classes, specials } = kind.policy;
  const policy = {
    length,
    classes: [...classes].sort(),
    specials: specials && [...specials].sort().join(""),
  };
  return canonicalJson({ derivation: { ...derivation, kind: { kind: kind.kind, policy } }, encoding });
}

/** The ledger's own versions stay; what the store knows of them, and what came after, is taken over. */
function withVersions(
  ledger: Ledger,
  seed: Pick<OpenedSeed, "tag">,
  { name, derivation, versions }: StoredRealm,
  mine: readonly RealmVersion[],
  now: UnixMs,
): Ledger {
  const theirs = new Map(versions.map((version) => [version.number, version]));
  const at = wholeSeconds(now);
  const kept = mine.map((version): RealmVersion => {
    const ended: RealmVersionState = { kind: "retired", at };
    const state =
      version.state.kind === "current" ? (theirs.get(version.number)?.state ?? ended) : version.state;
    return { ...version, state };
  });
  const last = mine.at(-1)?.number ?? 0;
  const added = versions
    .filter(({ number }) => number > last)
    .map(({ number, state, created }) => ({
      number,
      state,
      created: wholeSeconds(created),
      tag: seed.tag(derivation, number),
    }));
  const realm = ledger.realms.find((one) => one.name === name);
  if (realm === undefined) throw new KeywardError("internal", "merge: the realm is not there");
  return replacedRealm(ledger, { ...realm, versions: [...kept, ...added].map(inSeconds) }, now);
}

function inSeconds(version: RealmVersion): RealmVersion {
  const { state } = version;
  if (state.kind === "retiring") return { ...version, state: { ...state, until: wholeSeconds(state.until) } };
  return state.kind === "retired" ? { ...version, state: { ...state, at: wholeSeconds(state.at) } } : version;
}
