/** Files: what lies in a store's directory, and who may read it. The table is in docs/formats/store.md. */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { KeywardError } from "../../base/errors.ts";
import { asFault } from "./faults.ts";

export interface StoreFiles {
  /** Absolute. */
  readonly directory: string;
  /** The database. While it is open nothing else in this process may open it: closing drops its lock. */
  readonly database: string;
  /** SQLite's write-ahead log. */
  readonly wal: string;
  /** SQLite's shared memory: only while the store is verified. */
  readonly shm: string;
  /** Locked for as long as the store is open. The same trap as with `database`. */
  readonly lock: string;
  /** The process that holds the lock. */
  readonly pid: string;
  /** The newest revision that was acknowledged. */
  readonly mark: string;
}

export function filesIn(directory: string): StoreFiles {
  const path = resolve(directory);
  const database = join(path, "store.db");
  return {
    directory: path,
    database,
    wal: `${database}-wal`,
    shm: `${database}-shm`,
    lock: join(path, "store.lock"),
    pid: join(path, "store.pid"),
    mark: join(path, "store.mark"),
  };
}

/**
 * Make the directory (mode 0700), or check the one that is there.
 *
 * @throws KeywardError `local` when it cannot be made or written to, or when others may write to it.
 */
export function prepareDirectory({ directory }: StoreFiles): void {
  try {
    makeDirectory(directory);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw asFault(error, directory);
  }
  const status = statSync(directory);
  if (!status.isDirectory())
    throw new KeywardError("local", `${directory}: is no directory`, {
      hint: "name another path for the store",
    });
  if ((status.mode & 0o022) === 0) return;
  throw new KeywardError("local", `${directory}: other users may write to the store's directory`, {
    hint: `chmod 700 ${directory}`,
  });
}

/** Not `mkdirSync` with `recursive`: under /proc that never returns. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
  try {
    syncDirectory(dirname(path));
  } catch {
    // Not ours to read; then its own file system's habits must do.
  }
}

/** An empty file, unless there is one; of mode 0600 in any case. SQLite would make it readable to all. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    chmodSync(path, 0o600);
  }
}

/** So that new files in it survive a power loss. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
