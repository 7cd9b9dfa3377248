/**
 * Lock: one process a directory. It is SQLite's own lock on a file of no content, so the kernel takes it
 * back when the process dies, however it dies. It comes before the database is looked at: the log of a
 * store in use changes while one reads it.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { KeywardError } from "../../base/errors.ts";
import { asFault } from "./faults.ts";
import { createPrivate, type StoreFiles } from "./files.ts";

/** Milliseconds: a server that is just stopping lets go in this time. */
const PATIENCE = 250;
const SQLITE_BUSY = 5;

export interface DirectoryLock {
  release(): void;
}

/** @throws KeywardError `busy` naming the directory and, if known, the process; `local`. */
export function lockDirectory(files: StoreFiles): DirectoryLock {
  let lock: DatabaseSync | undefined;
  try {
    createPrivate(files.lock);
    lock = new DatabaseSync(files.lock, { timeout: PATIENCE });
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    lock?.close();
    throw (error as { errcode?: number }).errcode === SQLITE_BUSY ? busy(files) : asFault(error, files.lock);
  }
  const held = lock;
  notePid(files);
  return {
    release() {
      rmSync(files.pid, { force: true });
      held.close();
    },
  };
}

/** For the message of the next one only, so a full disk must not stop us here. */
function notePid(files: StoreFiles): void {
  try {
    writeFileSync(files.pid, `${process.pid}\n`, { mode: 0o600 });
  } catch {
    rmSync(files.pid, { force: true });
  }
}

function busy(files: StoreFiles): KeywardError {
  const pid = holder(files);
  const who = pid === null ? "another process" : `process ${pid}`;
  return new KeywardError("busy", `${files.directory}: ${who} has this store open`, {
    hint: "stop that server first, or give this one a directory of its own",
  });
}

/** The pid noted, if such a process runs: a note may be left over from one that was killed. */
function holder(files: StoreFiles): number | null {
  try {
    const pid = Number(readFileSync(files.pid, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 0 && isRunning(pid) ? pid : null;
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal, but there.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
