/**
 * Place: a file put in place in one step. A temporary file in the same directory is opened exclusively with
 * mode 0600, written, synced, given its owner and mode, renamed over the name, and the directory is synced.
 * Whoever opens the name finds the old file whole or the new one whole.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { Directory } from "./directory.ts";
import { fileError } from "./file-error.ts";

export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** Names temporary files: those of one agent are told from others' by the tag. */
export interface Temporaries {
  /** A name that is not in use. */
  next(): string;
  /** Is it one of this agent's? */
  owns(name: string): boolean;
}

const create = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

/**
 * @param tag - Told from other agents' by this; hexadecimal.
 * @param random - That many random bytes.
 */
export function createTemporaries(tag: string, random: (bytes: number) => Uint8Array): Temporaries {
  const start = `.keyward-${tag}-`;
  return {
    next: () => `${start}${Buffer.from(random(8)).toString("hex")}`,
    owns: (name) => name.startsWith(start) && /^[0-9a-f]{16}$/.test(name.slice(start.length)),
  };
}

/** @throws KeywardError `local`: what was there before is untouched then, and no temporary file is left. */
export function placeFile(
  directory: Directory,
  name: string,
  value: Uint8Array,
  ownership: Ownership,
  temporaries: Temporaries,
): void {
  const temporary = temporaries.next();
  try {
    const fd = openSync(directory.at(temporary), create, 0o600);
    try {
      fill(fd, value, ownership);
      renameSync(directory.at(temporary), directory.at(name));
    } catch (error) {
      discard(directory, temporary, fd);
      throw error;
    } finally {
      closeSync(fd);
    }
    directory.sync();
  } catch (error) {
    throw fileError(error, `${directory.path}/${name}`);
  }
}

function fill(fd: number, value: Uint8Array, { uid, gid, mode }: Ownership): void {
  for (let at = 0; at < value.byteLength; ) at += writeSync(fd, value, at);
  fsyncSync(fd);
  const made = fstatSync(fd);
  if (made.uid !== uid || made.gid !== gid) fchownSync(fd, uid, gid);
  fchmodSync(fd, mode);
}

/** Zeros over what was written of it, as far as the disk lets us, and away with it. */
function discard(directory: Directory, temporary: string, fd: number): void {
  try {
    zero(fd);
  } catch {
    // the disk is full or gone: the name goes all the same
  }
  try {
    unlinkSync(directory.at(temporary));
  } catch {
    // `cleanDirectory` finds it at the next start
  }
}

/** Overwrite an open file with zeros, make that durable, and leave it empty. */
export function zero(fd: number): void {
  const { size } = fstatSync(fd);
  const zeros = new Uint8Array(Math.min(size, 65_536));
  for (let at = 0; at < size; ) at += writeSync(fd, zeros, 0, Math.min(zeros.byteLength, size - at), at);
  fsyncSync(fd);
  ftruncateSync(fd, 0);
}

/** Remove what an agent that was killed left half-written. @returns How many there were. */
export function cleanDirectory(directory: Directory, temporaries: Temporaries): number {
  const left = directory.list().filter((name) => temporaries.owns(name));
  for (const name of left) removeTemporary(directory, name);
  if (left.length > 0) directory.sync();
  return left.length;
}

function removeTemporary(directory: Directory, name: string): void {
  try {
    const fd = openSync(directory.at(name), constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { nlink } = fstatSync(fd);
      // A second name for it means that someone else put it here: theirs is not ours to empty.
      if (nlink === 1 && fstatSync(fd).isFile()) zero(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // not readable or not a file: the name goes all the same
  }
  try {
    unlinkSync(directory.at(name));
  } catch {
    // a directory of that name is not ours
  }
}
