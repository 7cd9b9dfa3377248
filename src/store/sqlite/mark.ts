/**
 * Mark: the newest revision that was acknowledged, kept beside the database. A log whose end is damaged
 * looks like one that a power loss cut short, and SQLite then drops what it cannot read; the mark tells the
 * two apart.
 *
 *     offset  bytes  field
 *     0       4      magic, ASCII "KWMK"
 *     4       8      revision, big-endian
 *     12      4      CRC-32 of bytes 0 to 11
 *
 * It is written after each commit and never synced: after a power loss it may be older than the database,
 * never newer. One that cannot be read counts as none.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Revision } from "../store.ts";
import { createPrivate } from "./files.ts";

const MAGIC = "KWMK";
const SIZE = 16;

export interface Mark {
  write(revision: Revision): void;
  close(): void;
}

/** 0 when there is none. */
export function readMark(path: string): Revision {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return 0 as Revision;
  }
  if (bytes.length !== SIZE || bytes.readUInt32BE(12) !== crc32(bytes.subarray(0, 12))) return 0 as Revision;
  return (bytes.toString("latin1", 0, 4) === MAGIC ? Number(bytes.readBigUInt64BE(4)) : 0) as Revision;
}

export function openMark(path: string): Mark {
  createPrivate(path);
  const descriptor = openSync(path, "r+");
  const bytes = Buffer.alloc(SIZE);
  bytes.write(MAGIC, "latin1");
  return {
    write(revision) {
      bytes.writeBigUInt64BE(BigInt(revision), 4);
      bytes.writeUInt32BE(crc32(bytes.subarray(0, 12)), 12);
      try {
        writeSync(descriptor, bytes, 0, SIZE, 0);
      } catch {
        // The commit is durable already. An older mark only sees less.
      }
    },
    close: () => closeSync(descriptor),
  };
}
