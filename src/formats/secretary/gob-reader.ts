/**
 * The atoms of Go's gob (pkg.go.dev/encoding/gob, "Encoding Details"), read from bytes that nobody vouches for.
 *
 * An unsigned integer is one byte below 128, or one byte that holds the negated count of the big-endian bytes
 * that follow, 8 at most; longer forms than needed are taken, as Go takes them. A signed integer is an unsigned
 * one whose lowest bit says "complement the rest".
 */
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";

export interface GobReader {
  readonly left: number;
  uint(): bigint;
  int(): bigint;
  /** A number of things of which each takes a byte or more: no more than there are bytes left. */
  count(): number;
  /** A view of the next bytes. */
  bytes(length: number): Uint8Array;
  /** A count, then that many bytes of UTF-8. */
  string(): string;
}

const MAX_UINT_BYTES = 8;

/** @param what - Names the place in errors. Every method throws KeywardError `malformed`. */
export function createGobReader(source: Uint8Array, what: string): GobReader {
  let at = 0;
  const bytes = (length: number): Uint8Array => {
    if (length > source.byteLength - at) throw new KeywardError("malformed", `${what}: gob ends too early`);
    at += length;
    return source.subarray(at - length, at);
  };
  const uint = (): bigint => {
    const first = bytes(1)[0] as number;
    if (first < 0x80) return BigInt(first);
    const length = 0x100 - first;
    if (length > MAX_UINT_BYTES)
      throw new KeywardError("malformed", `${what}: gob number of ${length} bytes`);
    return bytes(length).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  };
  const count = (): number => {
    const value = uint();
    if (value > BigInt(source.byteLength - at))
      throw new KeywardError("malformed", `${what}: gob counts more than it holds`);
    return Number(value);
  };
  return {
    get left() {
      return source.byteLength - at;
    },
    uint,
    int: () => {
      const value = uint();
      return value & 1n ? ~(value >> 1n) : value >> 1n;
    },
    count,
    bytes,
    string: () => fromUtf8(bytes(count()), what),
  };
}
