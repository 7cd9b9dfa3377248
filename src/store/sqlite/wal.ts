/**
 * Check a write-ahead log before SQLite reads it. At the first frame that does not check, SQLite takes the
 * log to end, silently. That is right after a power loss: the commit under way was never acknowledged. It
 * is wrong when frames of a later commit follow, because each commit is synced before the next begins: then
 * acknowledged ones would be dropped.
 *
 *     offset  bytes       field (all numbers big-endian)
 *     0       4           magic, 0x377f0682; 0x377f0683 when checksums read words big-endian
 *     4       4           version, 3007000
 *     8       4           page size
 *     16      8           salts: change each time the log starts afresh, so frames of old do not count
 *     24      8           checksum of bytes 0 to 23
 *     32 …    24 + page   frames: page number, size of the database if this frame ends a commit else 0,
 *                         salts, checksum of the frame's first 8 bytes and page, on top of the one before
 *
 * Spec: https://www.sqlite.org/fileformat2.html, section 4.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { damage } from "./faults.ts";

const HEADER_SIZE = 32;
const FRAME_HEADER_SIZE = 24;
const VERSION = 3_007_000;

interface Sum {
  readonly s0: number;
  readonly s1: number;
}

interface Header {
  readonly littleEndian: boolean;
  readonly pageSize: number;
  readonly salts: bigint;
  readonly sum: Sum;
}

/** @throws KeywardError `integrity` naming the file and the frame; it is only read. */
export function checkWal(path: string): void {
  if (!existsSync(path)) return;
  const descriptor = openSync(path, "r");
  try {
    const size = fstatSync(descriptor).size;
    if (size <= HEADER_SIZE) return;
    const header = readHeader(read(descriptor, 0, HEADER_SIZE));
    if (header !== null) checkFrames(descriptor, size, header, path);
    // SQLite syncs the header before the first frame, so no power loss leaves frames without one.
    else if (!isZero(descriptor, size)) throw damage(path, "the header is damaged");
  } finally {
    closeSync(descriptor);
  }
}

function checkFrames(descriptor: number, size: number, header: Header, path: string): void {
  const frame = Buffer.alloc(FRAME_HEADER_SIZE + header.pageSize);
  let before = header.sum;
  let firstBad: number | null = null;
  let badCommitEnded = false;
  for (let index = 0; HEADER_SIZE + (index + 1) * frame.length <= size; index++) {
    readSync(descriptor, frame, 0, frame.length, HEADER_SIZE + index * frame.length);
    const follows = isNext(frame, before, header);
    if (!follows) firstBad ??= index;
    else if (firstBad !== null && badCommitEnded) {
      throw damage(path, `frame ${firstBad + 1} is damaged, and later commits follow it`);
    }
    if (firstBad !== null && isOfThisLog(frame, header) && frame.readUInt32BE(4) !== 0) badCommitEnded = true;
    // What the frame says, not what it should say: so the ones after a bad one can still be judged.
    before = { s0: frame.readUInt32BE(16), s1: frame.readUInt32BE(20) };
  }
}

function isOfThisLog(frame: Buffer, header: Header): boolean {
  return frame.readBigUInt64BE(8) === header.salts;
}

function isNext(frame: Buffer, before: Sum, header: Header): boolean {
  if (!isOfThisLog(frame, header)) return false;
  const first = checksum(frame, 0, 8, before, header.littleEndian);
  const sum = checksum(frame, FRAME_HEADER_SIZE, frame.length, first, header.littleEndian);
  return sum.s0 === frame.readUInt32BE(16) && sum.s1 === frame.readUInt32BE(20);
}

function readHeader(bytes: Buffer): Header | null {
  if (bytes.length < HEADER_SIZE) return null;
  const magic = bytes.readUInt32BE(0);
  const littleEndian = magic === 0x377f0682;
  if (!littleEndian && magic !== 0x377f0683) return null;
  const sum = checksum(bytes, 0, 24, { s0: 0, s1: 0 }, littleEndian);
  if (sum.s0 !== bytes.readUInt32BE(24) || sum.s1 !== bytes.readUInt32BE(28)) return null;
  const pageSize = bytes.readUInt32BE(8);
  if (bytes.readUInt32BE(4) !== VERSION || pageSize < 512 || pageSize > 65_536) return null;
  return { littleEndian, pageSize, salts: bytes.readBigUInt64BE(16), sum };
}

/** Section 4.2: two running sums over pairs of 32-bit words. */
function checksum(bytes: Buffer, from: number, to: number, before: Sum, littleEndian: boolean): Sum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let { s0, s1 } = before;
  for (let i = from; i < to; i += 8) {
    s0 = (s0 + view.getUint32(i, littleEndian) + s1) >>> 0;
    s1 = (s1 + view.getUint32(i + 4, littleEndian) + s0) >>> 0;
  }
  return { s0, s1 };
}

function read(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
}

function isZero(descriptor: number, size: number): boolean {
  for (let position = 0; position < size; position += 65_536) {
    if (read(descriptor, position, 65_536).some((byte) => byte !== 0)) return false;
  }
  return true;
}
