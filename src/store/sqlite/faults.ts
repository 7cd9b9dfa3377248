/** Faults: what SQLite and the disk report, as errors that name the place and the next step. */
import { type ErrorCode, KeywardError } from "../../base/errors.ts";

const restore =
  "nothing was changed: restore the directory from a backup; docs/formats/store.md tells how to salvage records";

interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

const full: Fault = {
  code: "local",
  message: "the disk is full",
  hint: "free some space; nothing was half written, and the store goes on as soon as there is room",
};
const readOnly: Fault = {
  code: "local",
  message: "the directory cannot be written to",
  hint: "see that the file system is mounted read-write and that this user owns the directory",
};
const noDirectory: Fault = {
  code: "local",
  message: "there can be no directory here",
  hint: "name another path for the store",
};
const failing: Fault = {
  code: "local",
  message: "the disk reports an error",
  hint: "look into the kernel's log, and bring the store to a disk that works",
};
const damaged: Fault = { code: "integrity", message: "the database is damaged", hint: restore };
const held: Fault = {
  code: "busy",
  message: "another process has the database open",
  hint: "stop the other one first: a directory has one server",
};
const tooLarge: Fault = { code: "too-large", message: "a value is too large", hint: "1 MiB is the limit" };
const noMemory: Fault = { code: "local", message: "there is no memory left", hint: "stop other programs" };

/** SQLITE_IOERR_SHMSIZE: no room for the shared memory of a reader. */
const NO_ROOM_FOR_SHM = 4874;

/** By SQLite's result code (https://www.sqlite.org/rescode.html): the extended one, else the primary. */
const bySqliteCode: Readonly<Record<number, Fault>> = {
  // Our statements are fixed: one that SQLite does not understand means that the tables are not ours.
  1: damaged,
  3: readOnly,
  5: held,
  6: held,
  7: noMemory,
  8: readOnly,
  10: failing,
  11: damaged,
  13: full,
  14: readOnly,
  18: tooLarge,
  24: damaged,
  26: damaged,
  [NO_ROOM_FOR_SHM]: full,
};

const bySystemCode: Readonly<Record<string, Fault>> = {
  ENOSPC: full,
  EDQUOT: full,
  EROFS: readOnly,
  EACCES: readOnly,
  EPERM: readOnly,
  EIO: failing,
  EEXIST: noDirectory,
  ENOENT: noDirectory,
  ENOTDIR: noDirectory,
  // An integer that no record of ours holds.
  ERR_OUT_OF_RANGE: damaged,
};

/** @param place - A path: the directory, or a file in it. */
export function asFault(error: unknown, place: string): KeywardError {
  if (error instanceof KeywardError) return error;
  const { code, errcode } = error as { code?: string; errcode?: number };
  const fault =
    errcode === undefined
      ? bySystemCode[code ?? ""]
      : (bySqliteCode[errcode] ?? bySqliteCode[errcode & 0xff]);
  if (fault === undefined)
    return new KeywardError("internal", `${place}: unexpected error`, { cause: error });
  return new KeywardError(fault.code, `${place}: ${fault.message}`, { hint: fault.hint, cause: error });
}

/** @param what - What was read and what was wrong with it. */
export function damage(place: string, what: string, hint: string = restore): KeywardError {
  return new KeywardError("integrity", `${place}: ${what}`, { hint });
}
