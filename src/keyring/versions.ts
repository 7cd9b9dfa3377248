/**
 * The life of a key's versions, pure: each step takes a key and gives the key after it.
 *
 *     pending → primary → retiring → destroyed
 *
 * A step that makes a version primary retires the one before it, and a pending one that it overtakes. A
 * retiring version may become primary again until its time is over. Numbers count up and are never used again.
 */
import { KeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import {
  isServed,
  type Key,
  primaryOf,
  type Version,
  type VersionNumber,
  type VersionState,
} from "../model/key.ts";
import { printable } from "../model/name.ts";

/** Listed in a key; the oldest destroyed ones make room. */
export const MAX_VERSIONS = 256;
/** What `versionKey` can write. */
const MAX_NUMBER = 99_999_999;

/** The newest version's number; 0 when there is none. The newest always stays listed. */
export function lastNumber(key: Key): number {
  return key.versions.at(-1)?.number ?? 0;
}

/** @throws KeywardError `not-found` */
export function versionOf(key: Key, number: VersionNumber): Version {
  const found = key.versions.find((version) => version.number === number);
  if (found !== undefined) return found;
  throw new KeywardError("not-found", `key ${printable(key.name)}: there is no version ${number}`, {
    hint: `run: keyward key show ${key.name}`,
  });
}

/** @throws KeywardError `not-found` when it is destroyed, or its time is over. */
export function servedVersion(key: Key, number: VersionNumber, now: UnixMs): Version {
  const version = versionOf(key, number);
  if (isServed(version, now)) return version;
  const why = version.state.kind === "destroyed" ? "is destroyed" : "is retired";
  throw new KeywardError("not-found", `key ${printable(key.name)}: version ${number} ${why}`, {
    hint: `run: keyward key show ${key.name}`,
  });
}

/** Also when its time is over: at the beginning of time none is. @throws KeywardError `not-found` when it is destroyed. */
export function keptVersion(key: Key, number: VersionNumber): Version {
  return servedVersion(key, number, 0 as UnixMs);
}

/**
 * @param last - The newest number that this name ever had.
 * @throws KeywardError `conflict` when there is no room, or a pending version is asked for beside another.
 */
export function addVersion<K extends Key>(
  key: K,
  last: number,
  made: Omit<Version, "number" | "state">,
  as: "pending" | "primary",
): { key: K; number: VersionNumber } {
  const number = (last + 1) as VersionNumber;
  if (number > MAX_NUMBER)
    throw new KeywardError("conflict", `key ${printable(key.name)}: no number is left`);
  if (as === "pending") assertNonePending(key);
  const added = { ...made, number, state: { kind: "pending" } } as const;
  const longer = { ...key, versions: makeRoom(key, [...key.versions, added]) };
  return { key: as === "pending" ? longer : makePrimary(longer, number, made.created), number };
}

/** @throws KeywardError `not-found`; `conflict` unless it is pending, or primary already. */
export function promote<K extends Key>(key: K, number: VersionNumber, now: UnixMs): K {
  const { state } = versionOf(key, number);
  if (state.kind === "primary") return key;
  if (state.kind === "pending") return makePrimary(key, number, now);
  throw new KeywardError(
    "conflict",
    `key ${printable(key.name)}: version ${number} is ${state.kind}, not pending`,
  );
}

/**
 * Make an earlier version primary again. With the primary version itself: give up the pending one.
 *
 * @throws KeywardError `not-found` when it is not served any more; `conflict` for a pending one.
 */
export function rollback<K extends Key>(key: K, number: VersionNumber, now: UnixMs): K {
  const { state } = servedVersion(key, number, now);
  if (state.kind !== "pending") return makePrimary(key, number, now);
  throw new KeywardError(
    "conflict",
    `key ${printable(key.name)}: version ${number} is pending, not an earlier one`,
  );
}

/** @throws KeywardError `not-found`; `conflict` for the primary version. */
export function destroy<K extends Key>(key: K, number: VersionNumber, now: UnixMs): K {
  const { state } = versionOf(key, number);
  if (state.kind === "destroyed") return key;
  if (state.kind !== "primary") return withStates(key, { [number]: { kind: "destroyed", at: now } });
  throw new KeywardError("conflict", `key ${printable(key.name)}: version ${number} is the primary one`, {
    hint: "put or rotate first, or remove the whole key",
  });
}

function makePrimary<K extends Key>(key: K, number: VersionNumber, now: UnixMs): K {
  const until = (now + key.retire) as UnixMs;
  const states: Record<number, VersionState> = {};
  for (const { number: other, state } of key.versions) {
    if (state.kind === "primary" || state.kind === "pending") states[other] = { kind: "retiring", until };
  }
  return withStates(key, { ...states, [number]: { kind: "primary" } });
}

function withStates<K extends Key>(key: K, states: Readonly<Record<number, VersionState>>): K {
  const versions = key.versions.map((version) => {
    const state = states[version.number];
    return state === undefined ? version : { ...version, state };
  });
  return { ...key, versions };
}

function makeRoom(key: Key, versions: readonly Version[]): readonly Version[] {
  if (versions.length <= MAX_VERSIONS) return versions;
  const oldest = versions.findIndex(({ state }) => state.kind === "destroyed");
  if (oldest >= 0) return versions.toSpliced(oldest, 1);
  throw new KeywardError(
    "conflict",
    `key ${printable(key.name)}: ${MAX_VERSIONS} versions are kept already`,
    {
      hint: "destroy some, or let them retire sooner",
    },
  );
}

/** @throws KeywardError `conflict` */
export function assertNonePending(key: Key): void {
  const pending = key.versions.find((version) => version.state.kind === "pending");
  if (pending === undefined) return;
  throw new KeywardError(
    "conflict",
    `key ${printable(key.name)}: version ${pending.number} is still pending`,
    {
      hint: `wait for its recipients, or run: keyward key destroy ${key.name} ${pending.number}`,
    },
  );
}

/**
 * Compare-and-set.
 *
 * @param expected - The primary version's number; 0: the key must not exist; `undefined`: whatever.
 * @throws KeywardError `conflict`
 */
export function assertExpected(name: string, key: Key | null, expected: number | undefined): void {
  if (expected === undefined) return;
  const found = key === null ? 0 : (primaryOf(key)?.number ?? 0);
  if (found === expected) return;
  const what = key === null ? "does not exist" : `has primary version ${found}`;
  const wanted = expected === 0 ? "expected it not to exist" : `expected version ${expected}`;
  throw new KeywardError("conflict", `key ${printable(name)}: ${what}, ${wanted}`, {
    hint: `run: keyward key show ${name}`,
  });
}
