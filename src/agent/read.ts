/** Read: the whole of a regular file in a directory held open, or nothing. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { Secret } from "../base/secret.ts";
import type { Directory } from "./directory.ts";

/** Never waits for a FIFO's other end, never follows a link. */
export const quietly = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * @param most - Bytes.
 * @returns `null` when it is no regular file, or larger.
 * @throws The system's error when it cannot be opened.
 */
export function readFile(directory: Directory, name: string, most: number): Secret | null {
  const fd = openSync(directory.at(name), constants.O_RDONLY | quietly);
  try {
    const stats = fstatSync(fd);
    return stats.isFile() && stats.size <= most ? readWhole(fd, stats.size) : null;
  } finally {
    closeSync(fd);
  }
}

function readWhole(fd: number, size: number): Secret {
  const bytes = new Uint8Array(size);
  let read = 0;
  for (let got = -1; got !== 0 && read < size; read += got)
    got = readSync(fd, bytes, read, size - read, read);
  // It may have become shorter since.
  return Secret.take(read === size ? bytes : bytes.slice(0, read));
}
