/**
 * DER (ITU-T X.690), as much of it as reading certificates and requests takes: strict, so that bytes have one
 * reading only. Tags of one byte, definite lengths in their shortest form, nothing left over.
 *
 *     tag      1 byte; numbers from 31 up, which take more, are refused
 *     length   0x00-0x7f, or 0x81-0x83 and as many bytes, the first not zero
 *     content
 */
import { concat, toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[number]` of a structure: constructed. */
export function context(number: number): number {
  return 0xa0 | number;
}

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content. */
  readonly whole: Uint8Array;
}

/** The elements of some content, one after the other. */
export interface Reader {
  /** The next element. @throws KeywardError `malformed` when there is none, or one with another tag. */
  next(tag?: number): Element;
  /** The next element if it has this tag, or `null`. */
  optional(tag: number): Element | null;
  /** What the next element, a structure with this tag, holds. */
  enter(tag?: number): Reader;
  readonly more: boolean;
  /** @throws KeywardError `malformed` when something is left. */
  end(): void;
}

/** @param what - Names the place in errors. */
export function readDer(bytes: Uint8Array, what: string): Reader {
  let at = 0;
  const malformed = (why: string): KeywardError => new KeywardError("malformed", `${what}: ${why}`);

  function byte(): number {
    const value = bytes[at];
    if (value === undefined) throw malformed("ends too early");
    at += 1;
    return value;
  }

  function length(): number {
    const first = byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count < 1 || count > 3) throw malformed("a length that is indefinite or too large");
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + byte();
    if (value < 0x80 || value < 256 ** (count - 1))
      throw malformed("a length that is not in its shortest form");
    return value;
  }

  function next(tag?: number): Element {
    const start = at;
    const found = byte();
    if ((found & 0x1f) === 0x1f) throw malformed("a tag of more than one byte");
    if (tag !== undefined && found !== tag) throw malformed(`tag ${hex(found)} where ${hex(tag)} belongs`);
    const size = length();
    const content = bytes.subarray(at, at + size);
    if (content.byteLength !== size) throw malformed("ends too early");
    at += size;
    return { tag: found, content, whole: bytes.subarray(start, at) };
  }

  return {
    next,
    optional: (tag) => (bytes[at] === tag ? next(tag) : null),
    enter: (tag = tags.sequence) => readDer(next(tag).content, what),
    get more() {
      return at < bytes.byteLength;
    },
    end() {
      if (at < bytes.byteLength) throw malformed("something is left over");
    },
  };
}

/** The one structure that these bytes are, nothing before it and nothing behind. */
export function readWhole(bytes: Uint8Array, what: string, tag: number = tags.sequence): Reader {
  const outer = readDer(bytes, what);
  const inner = outer.enter(tag);
  outer.end();
  return inner;
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}

/** A BIT STRING of whole bytes. @throws KeywardError `malformed` */
export function wholeBits({ content }: Element, what: string): Uint8Array {
  if (content[0] !== 0) throw new KeywardError("malformed", `${what}: a bit string that is not whole bytes`);
  return content.subarray(1);
}

/** An INTEGER that is not negative, lower-case hex without leading zeros but for a whole first byte. @throws KeywardError `malformed` */
export function positive({ content }: Element, what: string): string {
  const [first = 0x80, second = 0x80] = content;
  const padded = first === 0 && content.byteLength > 1;
  if (first >= 0x80 || (padded && second < 0x80)) {
    throw new KeywardError("malformed", `${what}: a number that is negative or not in its shortest form`);
  }
  return toHex(padded ? content.subarray(1) : content);
}

/** Write one element. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(...contents);
  const size = content.byteLength;
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  const length = size < 0x80 ? [size] : [0x80 | bytes.length, ...bytes];
  return concat(new Uint8Array([tag, ...length]), content);
}
