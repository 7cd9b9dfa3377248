/**
 * Install: a key's file, put in place, looked at and taken away. Only regular files are touched, and nothing
 * is reached through a symbolic link (`directory.ts`); putting in place is one step (`place.ts`).
 */
import { timingSafeEqual } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { MAX_VALUE_BYTES } from "../model/key.ts";
import { type Directory, makeDirectory, openDirectory } from "./directory.ts";
import { fileError } from "./file-error.ts";
import { cleanDirectory, type Ownership, placeFile, type Temporaries, zero } from "./place.ts";
import { quietly, readFile } from "./read.ts";

/** A regular file that was found at a path. */
export interface Found extends Ownership {
  /** Device and inode: two names of one file have the same. */
  readonly file: string;
  /** Changes whenever the content, the owner or the mode does (the kernel's change time is in it). */
  readonly stamp: string;
  readonly size: number;
}

export interface Placed extends Found {
  /** `false` when everything was so already: nothing was written then. */
  readonly written: boolean;
  /** The path had other content, or none. */
  readonly changed: boolean;
}

export interface Installer {
  /**
   * @throws KeywardError `local`: what stood at the path stays as it was. A directory, a symbolic link, a FIFO or
   *   a device at the path is not replaced.
   */
  install(path: string, value: Secret, ownership: Ownership): Placed;

  /** What lies there, without its content. @returns `null` when nothing does. @throws KeywardError `local` */
  look(path: string): Found | null;

  /** Its content. @returns `null` when there is none, or more than a key may have. @throws KeywardError `local` */
  read(path: string): Secret | null;

  /**
   * Overwrite with zeros and unlink, if `isOurs` says so of what is found.
   *
   * @throws KeywardError `local`
   */
  remove(path: string, isOurs: (found: Found) => boolean): "removed" | "absent" | "foreign";

  /** Remove temporary files that a killed agent left in these directories. @returns How many there were. */
  clean(directories: Iterable<string>): number;
}

/** @param keyDirectory - Directories missing below it are made. */
export function createInstaller(keyDirectory: string, temporaries: Temporaries): Installer {
  /** @returns What `use` does, or `null` when the directory or the file is not there. */
  function within<T>(path: string, use: (directory: Directory, name: string) => T): T | null {
    return absentIsNull(() => inDirectory(path, undefined, use));
  }

  return {
    install: (path, value, ownership) =>
      inOwnDirectory(path, keyDirectory, (directory, name) => {
        const found = lookAt(directory, name);
        const same = found !== null && found.size === value.length && holds(directory, name, value);
        if (same && owned(found, ownership)) return { ...found, written: false, changed: false };
        placeFile(directory, name, value.reveal(), ownership, temporaries);
        const placed = lookAt(directory, name);
        if (placed === null) throw new KeywardError("local", `${path}: taken away as it was put there`);
        return { ...placed, written: true, changed: !same };
      }),

    look: (path) => within(path, lookAt),

    read: (path) =>
      within(path, (directory, name) =>
        lookAt(directory, name) === null ? null : readFile(directory, name, MAX_VALUE_BYTES),
      ),

    remove: (path, isOurs) =>
      within(path, (directory, name) => {
        const found = lookAt(directory, name);
        if (found === null) return "absent";
        if (!isOurs(found)) return "foreign";
        erase(directory, name, found);
        return "removed";
      }) ?? "absent",

    clean(directories) {
      let count = 0;
      for (const path of directories) count += cleanOne(path, temporaries);
      return count;
    },
  };
}

function inDirectory<T>(
  path: string,
  makeBelow: string | undefined,
  use: (directory: Directory, name: string) => T,
): T {
  return using(openDirectory(dirname(path), makeBelow), (directory) => {
    try {
      return use(directory, basename(path));
    } catch (error) {
      throw fileError(error, path);
    }
  });
}

/** The key directory may have been removed behind our back: then it is made again, if its parent is there. */
function inOwnDirectory<T>(
  path: string,
  keyDirectory: string,
  use: (directory: Directory, name: string) => T,
): T {
  try {
    return inDirectory(path, keyDirectory, use);
  } catch (error) {
    if (!isAbsence(error) || !path.startsWith(`${keyDirectory}/`)) throw error;
    using(openDirectory(dirname(keyDirectory)), (parent) => makeDirectory(parent, basename(keyDirectory)));
    return inDirectory(path, keyDirectory, use);
  }
}

function using<T>(directory: Directory, use: (directory: Directory) => T): T {
  try {
    return use(directory);
  } finally {
    directory.close();
  }
}

function absentIsNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  return (error as { cause?: NodeJS.ErrnoException }).cause?.code === "ENOENT";
}

/** A directory that is gone, or a link by now, holds nothing of ours. */
function cleanOne(path: string, temporaries: Temporaries): number {
  try {
    return using(openDirectory(path), (directory) => cleanDirectory(directory, temporaries));
  } catch {
    return 0;
  }
}

function owned(found: Found, { uid, gid, mode }: Ownership): boolean {
  return found.uid === uid && found.gid === gid && found.mode === mode;
}

/** @throws KeywardError `local` when it is not a regular file. */
function lookAt(directory: Directory, name: string): Found | null {
  const stats = lstatSync(directory.at(name), { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return null;
  if (stats.isFile()) return foundOf(stats);
  throw new KeywardError("local", `${directory.path}/${name}: is ${kindOf(stats)}, not a file of ours`, {
    hint: "remove it, or grant the key another path",
  });
}

function foundOf(stats: BigIntStats): Found {
  const file = `${stats.dev}:${stats.ino}`;
  return {
    file,
    stamp: [file, stats.size, stats.mtimeNs, stats.ctimeNs, stats.uid, stats.gid, stats.mode].join(":"),
    size: Number(stats.size),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mode: Number(stats.mode) & 0o7777,
  };
}

function kindOf(stats: BigIntStats): string {
  if (stats.isSymbolicLink()) return "a symbolic link";
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isSocket()) return "a socket";
  return "a device";
}

/** `false` also when it cannot be read: it is written anew then. */
function holds(directory: Directory, name: string, value: Secret): boolean {
  try {
    const there = readFile(directory, name, MAX_VALUE_BYTES);
    if (there === null) return false;
    const same = there.length === value.length && timingSafeEqual(there.reveal(), value.reveal());
    there.wipe();
    return same;
  } catch {
    return false;
  }
}

/** The name goes even when the content cannot be overwritten. */
function erase(directory: Directory, name: string, found: Found): void {
  try {
    overwrite(directory, name, found);
  } catch {
    // a file that cannot be opened any more: what matters is that nobody finds it
  }
  unlinkSync(directory.at(name));
  directory.sync();
}

/** Only the very file that was looked at: by now the name may be another's. */
function overwrite(directory: Directory, name: string, found: Found): void {
  const isSame = (fd: number): boolean => foundOf(fstatSync(fd, { bigint: true })).file === found.file;
  const reader = openSync(directory.at(name), constants.O_RDONLY | quietly);
  try {
    if (!isSame(reader)) return;
    // Mode 0400 keeps even the owner from writing, unless he is root.
    fchmodSync(reader, 0o600);
    const writer = openSync(`/proc/self/fd/${reader}`, constants.O_WRONLY);
    try {
      zero(writer);
    } finally {
      closeSync(writer);
    }
  } finally {
    closeSync(reader);
  }
}
