/**
 * The files that someone means by a few names: files as they are, directories with all that is below them. Links
 * are not followed, `.git` is left out, and so is what cannot be text: too large, or with a NUL near its beginning.
 */
import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { cannot } from "../command/read-file.ts";
import { printable } from "../model/name.ts";

export interface Walked {
  readonly file: string;
  /** As a person would name it from here. */
  readonly shown: string;
  /** Bytes. */
  readonly size: number;
  readonly mode: number;
  /** To see whether it was changed meanwhile. */
  readonly state: string;
  readonly content: Buffer;
}

export interface PassedOver {
  readonly shown: string;
  readonly why: "too large" | "binary" | "not a file";
}

/** Bytes of a file. */
export const MAX_FILE = 16_777_216;
const MAX_FILES = 1_000_000;
const MAX_DEPTH = 64;
/** Git looks as far to tell a binary file. */
const SNIFFED = 8000;

/**
 * @param passed - Is told of what was named or met and cannot be read as text.
 * @throws KeywardError `local` for what is not there or may not be read; `too-large` for a tree without end.
 */
export function* walk(
  names: readonly string[],
  cwd: string,
  passed: (file: PassedOver) => void,
): Iterable<Walked> {
  let count = 0;
  for (const name of names) {
    for (const file of filesBelow(path.resolve(cwd, name), 0)) {
      if (++count > MAX_FILES) throw new KeywardError("too-large", `more than ${MAX_FILES} files`);
      const shown = path.relative(cwd, file) || path.basename(file);
      const read = readText(file, shown);
      if (typeof read === "string") passed({ shown, why: read });
      else yield read;
    }
  }
}

function* filesBelow(place: string, depth: number): Iterable<string> {
  const found = told(place, () => lstatSync(place));
  if (!found.isDirectory()) return yield place;
  if (depth > MAX_DEPTH)
    throw new KeywardError("too-large", `${printable(place)}: directories deeper than ${MAX_DEPTH}`);
  const entries = told(place, () => readdirSync(place, { withFileTypes: true }));
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === ".git") continue;
    if (entry.isDirectory() || entry.isFile()) yield* filesBelow(path.join(place, entry.name), depth + 1);
  }
}

function readText(file: string, shown: string): Walked | PassedOver["why"] {
  // A link that was named is opened; what the walk meets is no link.
  const fd = told(file, () => openSync(file, "r"));
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) return "not a file";
    if (found.size > MAX_FILE) return "too large";
    const buffer = Buffer.alloc(found.size);
    const content = buffer.subarray(0, readFully(fd, buffer));
    if (content.subarray(0, SNIFFED).includes(0)) return "binary";
    return {
      file,
      shown,
      size: content.byteLength,
      mode: found.mode & 0o7777,
      state: stateOf(found),
      content,
    };
  } finally {
    closeSync(fd);
  }
}

function readFully(fd: number, buffer: Buffer): number {
  let length = 0;
  while (length < buffer.byteLength) {
    const read = readSync(fd, buffer, length, buffer.byteLength - length, null);
    if (read === 0) break;
    length += read;
  }
  return length;
}

/** The same file, unchanged? */
export function stateOf({ ino, size, mtimeMs }: { ino: number; size: number; mtimeMs: number }): string {
  return `${ino} ${size} ${mtimeMs}`;
}

function told<T>(file: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw cannot("read", file, "file", error);
  }
}
