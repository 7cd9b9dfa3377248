/**
 * SQLite: the keeper in a directory of this machine, for one process at a time. What lies there, and what
 * each setting is for: docs/formats/store.md.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Store } from "../store.ts";
import { asFault } from "./faults.ts";
import { createPrivate, filesIn, prepareDirectory, type StoreFiles, syncDirectory } from "./files.ts";
import { createKeeper } from "./keeper.ts";
import { type DirectoryLock, lockDirectory } from "./lock.ts";
import { openMark } from "./mark.ts";
import { connect, createSchema, isEmpty } from "./schema.ts";
import { verify } from "./verify.ts";

export interface SqliteOptions {
  /** Made if it is not there, with mode 0700. */
  readonly directory: string;
  /** A watch can resume across this many deletions, 1 or more. */
  readonly keepTombstones?: number;
  /** Bytes of records kept in memory. */
  readonly cacheSize?: number;
  /** Bytes that the database may grow to; then writes fail as on a full disk. */
  readonly maxSize?: number;
}

/**
 * @throws KeywardError `busy` when another process has the directory open; `integrity` when something in it
 *   is damaged, or something acknowledged is missing; `local` when the disk refuses.
 */
export async function openSqlite(options: SqliteOptions): Promise<Store> {
  const files = filesIn(options.directory);
  prepareDirectory(files);
  const lock = lockDirectory(files);
  try {
    verify(files);
    return openKeeper(files, lock, options);
  } catch (error) {
    lock.release();
    throw asFault(error, files.directory);
  }
}

function openKeeper(files: StoreFiles, lock: DirectoryLock, options: SqliteOptions): Store {
  const { keepTombstones = 10_000, cacheSize = 16_777_216, maxSize } = options;
  const mark = openMark(files.mark);
  try {
    const database = openDatabase(files, maxSize);
    return createKeeper({ files, database, mark, lock, keepTombstones, cacheSize });
  } catch (error) {
    mark.close();
    throw error;
  }
}

function openDatabase(files: StoreFiles, maxSize: number | undefined): DatabaseSync {
  createPrivate(files.database);
  const database = connect(files.database);
  try {
    if (maxSize !== undefined) limitSize(database, maxSize);
    if (isEmpty(database)) {
      createSchema(database);
      syncDirectory(files.directory);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function limitSize(database: DatabaseSync, maxSize: number): void {
  const pageSize = Number(database.prepare("PRAGMA page_size").get()?.page_size);
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxSize / pageSize))}`);
}
