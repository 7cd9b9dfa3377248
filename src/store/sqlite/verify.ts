/**
 * Verify a store before it is opened: its log, its definitions, every row's checksum, and that nothing that
 * was acknowledged is missing. It only reads, row by row, and leaves the files as they are.
 */
import { existsSync, rmSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { isKeywardError } from "../../base/errors.ts";
import { printable } from "../../model/name.ts";
import { asFault, damage } from "./faults.ts";
import type { StoreFiles } from "./files.ts";
import { readMark } from "./mark.ts";
import { type State, toRecord, toState, toTombstone } from "./row.ts";
import { assertSchema, connectReadOnly, isEmpty } from "./schema.ts";
import { checkWal } from "./wal.ts";

/**
 * The directory must be locked.
 *
 * @throws KeywardError `integrity` naming the file, and the record where there is one; `local`.
 */
export function verify(files: StoreFiles): void {
  const acknowledged = readMark(files.mark);
  if (!existsSync(files.database) || statSync(files.database).size === 0) {
    assertUnused(acknowledged, files.database);
    return;
  }
  checkWal(files.wal);
  const hadWal = existsSync(files.wal);
  const database = connectReadOnly(files.database);
  try {
    if (isEmpty(database)) {
      assertUnused(acknowledged, files.database);
      return;
    }
    assertSchema(database, files.database);
    const state = toState(database.prepare("SELECT * FROM state WHERE id = 1").get(), files.database);
    assertRecords(database, state, files.database);
    assertTombstones(database, state, files.database);
    assertStructure(database, files.database);
    if (state.revision < acknowledged) throw lost(files, state.revision, acknowledged);
  } catch (error) {
    throw withPlace(error, database, files.database);
  } finally {
    database.close();
    // A reader leaves these behind; it cannot have put anything into them.
    rmSync(files.shm, { force: true });
    if (!hadWal) rmSync(files.wal, { force: true });
  }
}

/** An empty database is a new store, unless there is a mark that says otherwise. */
function assertUnused(acknowledged: number, place: string): void {
  if (acknowledged > 0) throw damage(place, "missing or empty, but the store has had commits");
}

function assertRecords(database: DatabaseSync, state: State, place: string): void {
  let count = 0;
  let sum = 0;
  for (const row of database.prepare("SELECT key, value, created, modified, crc FROM records").iterate()) {
    const { record, crc } = toRecord(row, place);
    if (record.modified > state.revision)
      throw damage(place, `record ${printable(record.key)} is newer than the store`);
    count += 1;
    sum = (sum + crc) >>> 0;
  }
  if (count === state.records && sum === state.sum) return;
  throw damage(place, `there are ${count} records, and not the ${state.records} that were written`);
}

function assertTombstones(database: DatabaseSync, state: State, place: string): void {
  let count = 0;
  for (const row of database.prepare("SELECT revision, key, crc FROM tombstones").iterate()) {
    toTombstone(row, place);
    count += 1;
  }
  if (count !== state.tombstones) throw damage(place, `${count} deletions are kept, not ${state.tombstones}`);
}

/** Of pages, trees and the index. */
function assertStructure(database: DatabaseSync, place: string): void {
  const finding = structure(database);
  if (finding !== "ok") throw damage(place, finding);
}

/** "ok", or the first thing that is wrong: page, tree and cell, no content. */
function structure(database: DatabaseSync): string {
  const row = database.prepare("PRAGMA integrity_check(1)").get();
  return String(row?.integrity_check ?? "no answer").replace(/\s+/g, " ");
}

/** SQLite's own report of damage says no place; its check does. */
function withPlace(error: unknown, database: DatabaseSync, place: string): unknown {
  const fault = asFault(error, place);
  if (error === fault || !isKeywardError(fault, "integrity")) return fault;
  try {
    return damage(place, `the database is damaged: ${structure(database)}`);
  } catch {
    return fault;
  }
}

function lost(files: StoreFiles, revision: number, acknowledged: number): Error {
  return damage(
    files.directory,
    `the store is at revision ${revision}, but had acknowledged revision ${acknowledged}`,
    `restore the directory from a backup; if you have just put an older database here on purpose, remove ${files.mark}`,
  );
}
