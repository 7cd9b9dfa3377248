/** The life of a ledger's realms: listed, bumped, retired, found again. Each change gives a new ledger. */
import { KeywardError } from "../base/errors.ts";
import { closest } from "../base/suggest.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import type { OpenedSeed } from "../derive/opened.ts";
import type { Ledger, LedgerRealm, RealmDelivery, RealmVersion } from "../formats/ledger/ledger.ts";
import { printable } from "../model/name.ts";
import { type Derivation, isReserved, type KeyEncoding } from "../model/realm.ts";
import { assertEncoding } from "./encodings.ts";
import { wholeSeconds } from "./ledger.ts";

/** What a realm is when it is listed; its first version need not be 1 when it was in use before. */
export type NewRealm = Pick<LedgerRealm, "name" | "derivation" | "encoding" | "delivery" | "note"> & {
  readonly version: number;
};

/** A realm, and the version of it that was asked for. */
export interface FoundRealm {
  readonly realm: LedgerRealm;
  readonly derivation: Derivation;
  readonly version: number;
}

/** Without the seed nobody can say which key a version is. */
type Tagging = Pick<OpenedSeed, "tag">;

/**
 * @throws KeywardError `conflict` when the name is taken or the key is listed under another name; `usage` when
 *   the seed does not derive such a key.
 */
export function addRealm(ledger: Ledger, seed: Tagging, realm: NewRealm, now: UnixMs): Ledger {
  const { version, ...described } = realm;
  if (isReserved(realm.derivation.realm))
    throw new KeywardError("usage", `realm ${printable(realm.derivation.realm)}: is one of Keyward's own`);
  if (ledger.realms.some(({ name }) => name === realm.name)) {
    throw new KeywardError("conflict", `realm ${printable(realm.name)}: is listed already`, {
      hint: `for its next version: keyward realm bump ${realm.name}`,
    });
  }
  const created = wholeSeconds(now);
  const first = versionOf(ledger, seed, realm.name, realm.derivation, version, created);
  const listed: LedgerRealm = { ...described, created, changed: created, versions: [first] };
  return changedLedger(ledger, [...ledger.realms, listed], now);
}

/**
 * The next version becomes current; a retired realm is in use again.
 *
 * @param retire - How long the version before stays derivable.
 * @throws KeywardError `not-found`; `conflict` when the next version is a key that is listed already.
 */
export function bumpRealm(
  ledger: Ledger,
  seed: Tagging,
  name: string,
  retire: DurationMs,
  now: UnixMs,
): Ledger {
  const realm = findRealm(ledger, name);
  const at = wholeSeconds(now);
  const number = (realm.versions.at(-1)?.number ?? 0) + 1;
  const next = versionOf(ledger, seed, realm.name, realm.derivation, number, at);
  const until = wholeSeconds((now + retire) as UnixMs);
  const older = realm.versions.map((version) =>
    version.state.kind === "current" ? ended(version, until, at) : settled(version, at),
  );
  return replacedRealm(ledger, { ...realm, versions: [...older, next] }, now);
}

/** What may change of a realm while its keys stay the same; `null` takes it away. */
export interface RealmChange {
  readonly encoding?: KeyEncoding;
  readonly delivery?: RealmDelivery | null;
  readonly note?: string | null;
}

/** @throws KeywardError `not-found`; `usage` when its kind cannot be written so. */
export function setRealm(ledger: Ledger, name: string, change: RealmChange, now: UnixMs): Ledger {
  const { encoding, delivery, note, ...rest } = findRealm(ledger, name);
  if (change.encoding !== undefined) assertEncoding(rest.derivation.kind.kind, "secret", change.encoding);
  const kept = {
    delivery: change.delivery === undefined ? delivery : change.delivery,
    note: change.note === undefined ? note : change.note,
  };
  const realm: LedgerRealm = {
    ...rest,
    encoding: change.encoding ?? encoding,
    ...(kept.delivery == null ? {} : { delivery: kept.delivery }),
    ...(kept.note == null ? {} : { note: kept.note }),
  };
  return replacedRealm(ledger, realm, now);
}

/**
 * End a version, or all of them. A retired realm stays known.
 *
 * @param options - `version`: this one alone; `within`: how long it stays derivable.
 * @throws KeywardError `not-found`; `conflict` when there is nothing left to retire.
 */
export function retireRealm(
  ledger: Ledger,
  name: string,
  options: { readonly version?: number; readonly within: DurationMs },
  now: UnixMs,
): Ledger {
  const realm = findRealm(ledger, name);
  const at = wholeSeconds(now);
  const until = wholeSeconds((now + options.within) as UnixMs);
  if (options.version !== undefined) assertKnown(realm, options.version);
  let count = 0;
  const versions = realm.versions.map((version) => {
    const meant = options.version === undefined || options.version === version.number;
    if (!meant || !isDerivable(version, now)) return settled(version, at);
    count++;
    return ended(version, until, at);
  });
  if (count === 0) throw new KeywardError("conflict", `realm ${printable(name)}: is retired already`);
  return replacedRealm(ledger, { ...realm, versions }, now);
}

/**
 * The key to derive.
 *
 * @param version - Absent: the current one.
 * @throws KeywardError `not-found` for a realm or version that is not listed, with the closest name as hint;
 *   `conflict` for one that is retired.
 */
export function lookUp(ledger: Ledger, name: string, version: number | undefined, now: UnixMs): FoundRealm {
  const realm = findRealm(ledger, name);
  if (version === undefined) {
    const current = currentOf(realm);
    if (current !== null) return { realm, derivation: realm.derivation, version: current.number };
    throw new KeywardError("conflict", `realm ${printable(name)}: is retired`, {
      hint: `to use it again: keyward realm bump ${realm.name}`,
    });
  }
  const found = assertKnown(realm, version);
  if (isDerivable(found, now)) return { realm, derivation: realm.derivation, version };
  throw new KeywardError("conflict", `realm ${printable(name)} version ${version}: is retired`, {
    hint: `see: keyward realm show ${realm.name}`,
  });
}

/** @throws KeywardError `not-found` with the closest name as hint. */
export function findRealm(ledger: Ledger, name: string): LedgerRealm {
  const realm = ledger.realms.find((one) => one.name === name);
  if (realm !== undefined) return realm;
  const names = ledger.realms.map((one) => one.name);
  const meant = closest(name, names);
  throw new KeywardError("not-found", `no such realm: ${printable(name)}`, {
    hint: meant === null ? "see: keyward realm list" : `did you mean ${printable(meant)}?`,
  });
}

export function currentOf(realm: LedgerRealm): RealmVersion | null {
  return realm.versions.find((version) => version.state.kind === "current") ?? null;
}

/** Current, or retiring and not yet at its time. */
export function isDerivable({ state }: RealmVersion, now: UnixMs): boolean {
  return state.kind === "current" || (state.kind === "retiring" && now < state.until);
}

export interface ToRotate {
  readonly name: string;
  readonly versions: readonly number[];
  readonly because: string;
}

/**
 * Realms whose keys are to be replaced, whatever their age: those of gokey before 0.2.0 follow from the public
 * parts of the seed's file alone (CVE-2025-13353), so that whoever saw the file has them.
 */
export function toRotate(ledger: Ledger, now: UnixMs): ToRotate[] {
  if (ledger.scheme !== "gokey-0.1") return [];
  const because = "gokey-0.1: its key follows from the seed's file alone, without the password";
  return ledger.realms.flatMap(({ name, versions }) => {
    const numbers = versions.filter((one) => isDerivable(one, now)).map(({ number }) => number);
    return numbers.length === 0 ? [] : [{ name, versions: numbers, because }];
  });
}

function versionOf(
  ledger: Ledger,
  seed: Tagging,
  name: string,
  derivation: Derivation,
  number: number,
  created: UnixMs,
): RealmVersion {
  const tag = seed.tag(derivation, number);
  for (const other of ledger.realms) {
    const same = other.versions.find((version) => version.tag === tag);
    if (same === undefined) continue;
    const what = `realm ${printable(name)} version ${number}: is the key of ${printable(other.name)} version ${same.number}`;
    throw new KeywardError("conflict", what, { hint: "two names for one key would not rotate together" });
  }
  return { number, state: { kind: "current" }, created, tag };
}

function assertKnown(realm: LedgerRealm, number: number): RealmVersion {
  const found = realm.versions.find((version) => version.number === number);
  if (found !== undefined) return found;
  const known = realm.versions.map((version) => version.number).join(", ");
  throw new KeywardError("not-found", `realm ${printable(realm.name)}: has no version ${number}`, {
    hint: `it has: ${known}`,
  });
}

function ended(version: RealmVersion, until: UnixMs, at: UnixMs): RealmVersion {
  if (until <= at) return { ...version, state: { kind: "retired", at } };
  // A version that is retiring already is not given more time.
  const sooner =
    version.state.kind === "retiring" && version.state.until < until ? version.state.until : until;
  return { ...version, state: { kind: "retiring", until: sooner } };
}

/** A version whose time is over, written down as such. */
function settled(version: RealmVersion, now: UnixMs): RealmVersion {
  if (version.state.kind !== "retiring" || now < version.state.until) return version;
  return { ...version, state: { kind: "retired", at: version.state.until } };
}

/** The realm of that name, changed. */
export function replacedRealm(ledger: Ledger, realm: LedgerRealm, now: UnixMs): Ledger {
  const realms = ledger.realms.map((one) =>
    one.name === realm.name ? { ...realm, changed: wholeSeconds(now) } : one,
  );
  return changedLedger(ledger, realms, now);
}

/** One change, whatever was changed. */
export function changedLedger(ledger: Ledger, realms: readonly LedgerRealm[], now: UnixMs): Ledger {
  const sorted = [...realms].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...ledger, sequence: ledger.sequence + 1, changed: wholeSeconds(now), realms: sorted };
}
