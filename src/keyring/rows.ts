/**
 * How the keyring keeps its records. What follows from a change of state is done here, in one place: a
 * destroyed version's value goes, a retiring one is noted under the time when it ends.
 *
 *     keys/NAME                       Key and its wrapped data key
 *     versions/NAME@NUMBER            the sealed value
 *     retiring/TIME/NAME@NUMBER       that a version's time is over at TIME (milliseconds, 15 digits)
 *     removed-keys/NAME               the last number of a key that was removed, so that none is used again
 */
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import type { Version, VersionNumber, VersionState } from "../model/key.ts";
import { type KeyName, printable } from "../model/name.ts";
import { type KeyRow, keys, versionKey } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";
import { createTable } from "../store/table.ts";

export interface RetiringRow {
  readonly until: UnixMs;
  readonly name: KeyName;
  readonly number: VersionNumber;
}

interface RemovedRow {
  readonly name: KeyName;
  readonly last: number;
}

export const retiring = createTable<RetiringRow>("retiring/", retiringId);
const removed = createTable<RemovedRow>("removed-keys/", (row) => row.name);

export function retiringId({ until, name, number }: RetiringRow): string {
  return `${String(until).padStart(15, "0")}/${name}@${number}`;
}

/** @throws KeywardError `integrity` */
export async function findKey(tx: Transaction, name: KeyName): Promise<KeyRow | null> {
  const row = await sound(keys.get(tx, name));
  if (row !== null) assertSound(row);
  return row;
}

/** @throws KeywardError `not-found`, `integrity` */
export async function loadKey(tx: Transaction, name: KeyName): Promise<KeyRow> {
  const row = await findKey(tx, name);
  if (row !== null) return row;
  throw new KeywardError("not-found", `key ${printable(name)}: not found`, { hint: "run: keyward key list" });
}

/** @throws KeywardError `integrity` */
export async function listKeys(
  tx: Transaction,
  page: { under: string; after?: string; limit: number },
): Promise<KeyRow[]> {
  const rows = await sound(keys.list(tx, page));
  rows.forEach(assertSound);
  return rows;
}

/** The last number that a name had before it was removed; 0 when it never was. */
export async function lastBeforeRemoval(tx: Transaction, name: KeyName): Promise<number> {
  return (await sound(removed.get(tx, name)))?.last ?? 0;
}

export function saveKey(tx: Transaction, before: KeyRow | null, after: KeyRow): void {
  const was = new Map(before?.versions.map((version) => [version.number, version]));
  for (const version of after.versions) saveState(tx, after.name, was.get(version.number), version);
  keys.put(tx, after);
  if (before === null) removed.delete(tx, after.name);
}

/** Every value goes, and all else but the last number. */
export function removeKey(tx: Transaction, row: KeyRow, last: number): void {
  for (const version of row.versions) {
    unnote(tx, row.name, version);
    if (version.state.kind !== "destroyed") tx.delete(versionKey(row.name, version.number));
  }
  keys.delete(tx, row.name);
  removed.put(tx, { name: row.name, last });
}

function saveState(tx: Transaction, name: KeyName, before: Version | undefined, after: Version): void {
  if (before === after) return;
  const { number, state } = after;
  if (before !== undefined) unnote(tx, name, before);
  if (state.kind === "retiring") retiring.put(tx, { until: state.until, name, number });
  if (state.kind === "destroyed" && before?.state.kind !== "destroyed") tx.delete(versionKey(name, number));
}

function unnote(tx: Transaction, name: KeyName, { number, state }: Version): void {
  if (state.kind === "retiring") retiring.delete(tx, retiringId({ until: state.until, name, number }));
}

/** What a table calls malformed came from our own store, so it is damage. */
async function sound<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!isKeywardError(error, "malformed") && !isKeywardError(error, "too-large")) throw error;
    throw new KeywardError("integrity", error.message, {
      hint: "restore the store from a backup",
      cause: error,
    });
  }
}

/** @throws KeywardError `integrity` when a version is no version, or stands out of order. */
function assertSound({ name, versions, dataKey, retire }: KeyRow): void {
  const good =
    typeof dataKey === "string" &&
    Number.isSafeInteger(retire) &&
    Array.isArray(versions) &&
    versions.every((version, i) => isSound(version) && version.number > (versions[i - 1]?.number ?? 0)) &&
    versions.filter(({ state }) => state.kind === "primary").length <= 1;
  if (good) return;
  throw new KeywardError("integrity", `record ${keys.keyOf(name)}: was changed`, {
    hint: "restore the store from a backup",
  });
}

function isSound(version: Version | null): boolean {
  if (!Number.isSafeInteger(version?.number)) return false;
  const state: VersionState | undefined = version?.state;
  switch (state?.kind) {
    case "pending":
    case "primary":
      return true;
    case "retiring":
      return Number.isSafeInteger(state.until);
    case "destroyed":
      return Number.isSafeInteger(state.at);
    case undefined:
      return false;
  }
  // A kind that no version has.
  return false;
}
