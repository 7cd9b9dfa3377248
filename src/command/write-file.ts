/** Files that a command leaves behind: whole or not at all, and readable by their owner only. */
import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { cannot } from "./read-file.ts";

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * A new file; one that is there stays as it is.
 *
 * @throws KeywardError `conflict` when the file exists, `local` when it cannot be written.
 */
export function writeNew(file: string, what: string, bytes: Uint8Array, mode = 0o600): void {
  assertAbsent(file, what);
  replace(file, what, bytes, mode);
}

/** @throws KeywardError `conflict` */
export function assertAbsent(file: string, what: string): void {
  if (!existsSync(file)) return;
  throw new KeywardError("conflict", `${what} ${JSON.stringify(file)}: exists already`, {
    hint: "choose another name, or move it away first",
  });
}

export interface NewFile {
  write(text: string): void;
  /** It is whole: synced, and under its name from now on. */
  keep(): void;
  drop(): void;
}

/** A new file that is written bit by bit. @throws KeywardError `conflict`, `local` */
export function createNewFile(file: string, what: string): NewFile {
  assertAbsent(file, what);
  const temporary = beside(file);
  const told = <T>(step: () => T): T => {
    try {
      return step();
    } catch (error) {
      throw cannot("write", file, what, error);
    }
  };
  const fd = told(() => openSync(temporary, CREATE, 0o600));
  return {
    write: (text) => told(() => writeAll(fd, Buffer.from(text))),
    keep: () =>
      told(() => {
        fsyncSync(fd);
        closeSync(fd);
        renameSync(temporary, file);
      }),
    drop() {
      closeSync(fd);
      forget(temporary);
    },
  };
}

/** Written beside it, synced and renamed: nobody ever sees half of it. @throws KeywardError `local` */
export function replace(file: string, what: string, bytes: Uint8Array, mode = 0o600): void {
  const temporary = beside(file);
  try {
    writeSynced(temporary, bytes, mode);
    renameSync(temporary, file);
  } catch (error) {
    forget(temporary);
    throw cannot("write", file, what, error);
  }
}

/** A directory for its owner only. An existing one stays as it is. */
export function makePrivateDirectory(directory: string, what: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannot("make", directory, what, error);
  }
}

/** What killed programs left half-written of it. Only for one who alone writes it now. */
export function dropLeftovers(file: string): void {
  const start = `.${path.basename(file)}.`;
  const directory = path.dirname(file);
  for (const name of readdirSync(directory))
    if (name.startsWith(start) && /^[0-9a-f-]{36}$/.test(name.slice(start.length)))
      forget(path.join(directory, name));
}

export function forget(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It may never have been made.
  }
}

function beside(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}`);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.byteLength) written += writeSync(fd, bytes, written);
}

function writeSynced(file: string, bytes: Uint8Array, mode: number): void {
  const fd = openSync(file, CREATE, mode);
  try {
    writeAll(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
