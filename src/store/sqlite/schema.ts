/** Schema: the tables, the settings of a connection, and the statements, prepared once. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { KeywardError } from "../../base/errors.ts";
import type { Revision } from "../store.ts";
import { damage } from "./faults.ts";
import { crcOfState, type State } from "./row.ts";

export const SCHEMA_VERSION = 1;
/** ASCII "KWST": `file` and the like can tell what the database is. */
const APPLICATION_ID = 0x4b575354;

/** As SQLite keeps their text, so that a damaged definition is found out. */
const definitions: Readonly<Record<string, string>> = {
  records:
    "CREATE TABLE records (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  records_by_modified: "CREATE INDEX records_by_modified ON records (modified)",
  tombstones:
    "CREATE TABLE tombstones (revision INTEGER NOT NULL, key TEXT NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (revision, key)) STRICT, WITHOUT ROWID",
  state:
    "CREATE TABLE state (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, compacted INTEGER NOT NULL, records INTEGER NOT NULL, sum INTEGER NOT NULL, tombstones INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT",
};

/** What each is for: docs/formats/store.md. */
const settings = [
  "locking_mode = EXCLUSIVE",
  "journal_mode = WAL",
  "synchronous = FULL",
  "fullfsync = ON",
  "checkpoint_fullfsync = ON",
  "secure_delete = ON",
  "trusted_schema = OFF",
  "cell_size_check = ON",
  "temp_store = MEMORY",
  "cache_size = -16384",
  "wal_autocheckpoint = 2000",
  "journal_size_limit = 16777216",
];

/** Milliseconds to wait for a lock; ours is exclusive, so only a tool that looks in can be waited for. */
const BUSY_TIMEOUT = 250;

export function connect(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT, enableForeignKeyConstraints: false });
  try {
    for (const setting of settings) database.exec(`PRAGMA ${setting}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** For looking only: it neither writes nor takes the log into the database, not even when it closes. */
export function connectReadOnly(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT, readOnly: true });
  database.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY");
  return database;
}

/** Has nothing been made in it yet? A crash while a store is made leaves it so. */
export function isEmpty(database: DatabaseSync): boolean {
  return database.prepare("SELECT name FROM sqlite_schema LIMIT 1").get() === undefined;
}

/** Make the tables of an empty database, in one transaction. */
export function createSchema(database: DatabaseSync): void {
  const zero = 0 as Revision;
  const state: State = { revision: zero, compacted: zero, records: 0, sum: 0, tombstones: 0 };
  database.exec("BEGIN IMMEDIATE");
  for (const definition of Object.values(definitions)) database.exec(definition);
  database.exec(`INSERT INTO state VALUES (1, 0, 0, 0, 0, 0, ${crcOfState(state)})`);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec("COMMIT");
}

/** @throws KeywardError `local` when the schema is newer than this program; `integrity`. */
export function assertSchema(database: DatabaseSync, place: string): void {
  if (numberOf(database, "application_id") !== APPLICATION_ID) throw damage(place, "not a Keyward store");
  const version = numberOf(database, "user_version");
  if (version !== SCHEMA_VERSION) {
    throw new KeywardError(
      "local",
      `${place}: schema version ${version}, this program knows ${SCHEMA_VERSION}`,
      {
        hint: "use the version of keyward that wrote it, or a newer one",
      },
    );
  }
  const found = database.prepare("SELECT name, sql FROM sqlite_schema").all();
  const asDefined = found.every(({ name, sql }) => definitions[String(name)] === sql);
  if (!asDefined || found.length !== Object.keys(definitions).length) {
    throw damage(place, "the tables are not defined as they should be");
  }
}

function numberOf(database: DatabaseSync, pragma: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
}

export type Statements = Readonly<Record<keyof typeof statements, StatementSync>>;

const statements = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  state: "SELECT revision, compacted, records, sum, tombstones, crc FROM state WHERE id = 1",
  setState:
    "UPDATE state SET revision = ?, compacted = ?, records = ?, sum = ?, tombstones = ?, crc = ? WHERE id = 1",
  get: "SELECT key, value, created, modified, crc FROM records WHERE key = ?",
  ascending:
    "SELECT key, value, created, modified, crc FROM records WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
  descending:
    "SELECT key, value, created, modified, crc FROM records WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?",
  insert: "INSERT INTO records (value, created, modified, crc, key) VALUES (?, ?, ?, ?, ?)",
  update: "UPDATE records SET value = ?, created = ?, modified = ?, crc = ? WHERE key = ?",
  delete: "DELETE FROM records WHERE key = ?",
  bury: "INSERT INTO tombstones (revision, key, crc) VALUES (?, ?, ?)",
  /** The revision of the oldest of the newest N. */
  oldestKept: "SELECT revision FROM tombstones ORDER BY revision DESC, key DESC LIMIT 1 OFFSET ?",
  newestBefore: "SELECT max(revision) AS revision FROM tombstones WHERE revision < ?",
  forget: "DELETE FROM tombstones WHERE revision < ?",
  /** The last revision of a page of N changes. */
  pageOfRecords:
    "SELECT modified AS revision FROM records WHERE modified > ? ORDER BY modified LIMIT 1 OFFSET ?",
  pageOfTombstones: "SELECT revision FROM tombstones WHERE revision > ? ORDER BY revision LIMIT 1 OFFSET ?",
  changed:
    "SELECT key, value, created, modified, crc FROM records INDEXED BY records_by_modified WHERE modified > ? AND modified <= ? AND key >= ? AND key < ?",
  deleted:
    "SELECT revision, key, crc FROM tombstones WHERE revision > ? AND revision <= ? AND key >= ? AND key < ?",
} as const;

export function prepare(database: DatabaseSync): Statements {
  const entries = Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(entries) as Statements;
}

/** The end of a range as a parameter: any BLOB comes after every TEXT. */
export function upperBound(to: string | null): string | Uint8Array {
  return to ?? new Uint8Array(1);
}
