/**
 * Disk header: the header of a LUKS2 volume as it lies on the device, read without starting a program. It lies there
 * twice. Only two copies that are whole and say the same are read here; all else, and every repair, is cryptsetup's.
 *
 *     offset  bytes  field of one copy
 *     0       6      magic, "LUKS" ba be; of the second copy "SKUL" ba be
 *     6       2      version, 2
 *     8       8      size of the copy: these 4,096 bytes and the JSON area
 *     16      8      sequence id: how often it was written
 *     24      48     label
 *     72      32     checksum's algorithm, ASCII
 *     104     64     salt
 *     168     40     UUID, ASCII
 *     208     48     subsystem
 *     256     8      offset of the copy on the device
 *     264     184    zeros
 *     448     64     checksum of the whole copy, these 64 bytes taken for zeros
 *     4096    ...    JSON, and zeros after it
 *
 * All numbers are big-endian. Source: LUKS2 On-Disk Format Specification 1.1, sections 2.1 to 2.5.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { sha256 } from "../../crypto/hash.ts";

export interface DiskHeader {
  readonly uuid: string;
  /** Empty when it names none. */
  readonly subsystem: string;
  /** The JSON area's text, as it lies there. */
  readonly metadata: string;
}

const BINARY_BYTES = 4096;
/** Of one copy: powers of two, as the specification has them. */
const SIZES = { least: 16_384, most: 4_194_304 };
const what = "LUKS2 header";

/** @returns `null` when it cannot be read, or is not twice there and whole. */
export async function readDiskHeader(device: string): Promise<DiskHeader | null> {
  let file: FileHandle | undefined;
  try {
    // A pipe would wait for somebody to write.
    file = await open(device, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isBlockDevice() && !stat.isFile()) return null;
    const first = await readStart(file, 2 * SIZES.least);
    const size = sizeOf(first);
    return decodeDiskHeader(size === SIZES.least ? first : await readStart(file, 2 * size));
  } catch {
    // What is wrong, and whether it can be mended, cryptsetup says.
    return null;
  } finally {
    await file?.close();
  }
}

/** As far as the device goes. */
async function readStart(file: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let have = 0;
  for (let count = -1; count !== 0 && have < length; have += count)
    ({ bytesRead: count } = await file.read(bytes, have, length - have, have));
  return bytes.subarray(0, have);
}

/**
 * @param bytes - Both copies, from the device's first byte on.
 * @throws KeywardError `malformed` unless both are whole and say the same.
 */
export function decodeDiskHeader(bytes: Uint8Array): DiskHeader {
  const size = sizeOf(bytes);
  if (bytes.byteLength < 2 * size) throw malformed("its length");
  const [first, second] = [
    decodeCopy(bytes.subarray(0, size), "LUKS", 0),
    decodeCopy(bytes.subarray(size, 2 * size), "SKUL", size),
  ];
  if (first.sequence !== second.sequence || first.metadata !== second.metadata)
    throw malformed("its second copy");
  const { uuid, subsystem, metadata } = first;
  return { uuid, subsystem, metadata };
}

function sizeOf(bytes: Uint8Array): number {
  if (bytes.byteLength < BINARY_BYTES) throw malformed("its length");
  const size = Number(viewOf(bytes).getBigUint64(8));
  if (size < SIZES.least || size > SIZES.most || (size & (size - 1)) !== 0) throw malformed("its size");
  return size;
}

function decodeCopy(bytes: Uint8Array, magic: string, offset: number): DiskHeader & { sequence: bigint } {
  const view = viewOf(bytes);
  if (Buffer.from(bytes.subarray(0, 6)).toString("latin1") !== `${magic}\xba\xbe`) throw malformed("magic");
  if (view.getUint16(6) !== 2) throw malformed("version");
  if (view.getBigUint64(8) !== BigInt(bytes.byteLength)) throw malformed("its size");
  if (view.getBigUint64(256) !== BigInt(offset)) throw malformed("its offset");
  if (asciiOf(bytes, 72, 32) !== "sha256") throw malformed("the checksum's algorithm");
  const summed = Buffer.from(bytes);
  const checksum = Buffer.from(bytes.subarray(448, 480));
  summed.fill(0, 448, 512);
  if (!checksum.equals(sha256(summed))) throw malformed("checksum");
  const uuid = asciiOf(bytes, 168, 40);
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) throw malformed("UUID");
  const json = bytes.subarray(BINARY_BYTES);
  const end = json.indexOf(0);
  if (end === -1) throw malformed("its JSON area");
  return {
    uuid,
    subsystem: asciiOf(bytes, 208, 48),
    metadata: fromUtf8(json.subarray(0, end), what),
    sequence: view.getBigUint64(16),
  };
}

function asciiOf(bytes: Uint8Array, offset: number, length: number): string {
  const field = Buffer.from(bytes.subarray(offset, offset + length));
  const end = field.indexOf(0);
  const text = field.subarray(0, end === -1 ? length : end).toString("latin1");
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  throw malformed("a field that is no ASCII");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(where: string): KeywardError {
  return new KeywardError("malformed", `${what}: ${where} is not as LUKS2 has it`);
}
