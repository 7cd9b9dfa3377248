/**
 * The data types that OpenSSH's formats and SFTP are made of (RFC 4251, section 5): byte, uint32, uint64, string, mpint.
 *
 *     uint32    4 bytes, big-endian
 *     uint64    8 bytes, big-endian
 *     string    uint32 length, then that many bytes
 *     mpint     a string: a number, big-endian, two's complement, no byte more than needed
 */
import { concat, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { ownCopy } from "../crypto/memory.ts";

export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

export function string(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === "string" ? utf8(value) : value;
  return concat(uint32(bytes.byteLength), bytes);
}

/** @param value - Not negative, big-endian; zeros in front are dropped. */
export function mpint(value: Uint8Array): Uint8Array {
  const digits = withoutZeros(value);
  return string((digits[0] ?? 0) >= 0x80 ? concat(Uint8Array.of(0), digits) : digits);
}

export function withoutZeros(value: Uint8Array): Uint8Array {
  const first = value.findIndex((byte) => byte !== 0);
  return first < 0 ? value.subarray(value.byteLength) : value.subarray(first);
}

export interface Reader {
  byte(): number;
  uint32(): number;
  uint64(): bigint;
  /** @param most - Bytes; more are refused. */
  string(most: number): Uint8Array;
  text(most: number): string;
  /** A positive number without zeros in front. @param most - Bytes. */
  mpint(most: number): Uint8Array;
  /** Bytes read so far. */
  position(): number;
  isAtEnd(): boolean;
  /** All that is left. */
  rest(): Uint8Array;
  /** Refuse what is left. */
  end(): void;
}

/** @param what - Names the place in errors. What is read are copies. */
export function createReader(bytes: Uint8Array, what: string): Reader {
  let at = 0;
  const bad = (why: string): KeywardError => new KeywardError("malformed", `${what}: ${why}`);

  function take(length: number): Uint8Array {
    if (length > bytes.byteLength - at) throw bad("ends too soon");
    at += length;
    return ownCopy(bytes.subarray(at - length, at));
  }

  function readUint32(): number {
    const [a = 0, b = 0, c = 0, d = 0] = take(4);
    return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  }

  function readString(most: number): Uint8Array {
    const length = readUint32();
    if (length > most) throw bad("a field is too long");
    return take(length);
  }

  return {
    byte: () => take(1)[0] ?? 0,
    uint32: readUint32,
    uint64: () => (BigInt(readUint32()) << 32n) | BigInt(readUint32()),
    string: readString,
    text: (most) => asciiOrUtf8(readString(most), bad),
    mpint(most) {
      const digits = readString(most + 1);
      const [first = 0, second = 0] = digits;
      if (digits.byteLength === 0 || first >= 0x80) throw bad("a number is not positive");
      if (first === 0 && (digits.byteLength === 1 || second < 0x80)) throw bad("a number has zeros in front");
      return first === 0 ? digits.subarray(1) : digits;
    },
    position: () => at,
    isAtEnd: () => at === bytes.byteLength,
    rest: () => take(bytes.byteLength - at),
    end() {
      if (at !== bytes.byteLength) throw bad("has bytes left over");
    },
  };
}

function asciiOrUtf8(bytes: Uint8Array, bad: (why: string) => KeywardError): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw bad("a text is not UTF-8");
  }
}
