/** DER (X.690) as far as private keys need it: one element after another, definite lengths, shortest form. */
import { KeywardError } from "../base/errors.ts";

export interface Element {
  /** The whole identifier byte: 0x02 INTEGER, 0x04 OCTET STRING, 0x30 SEQUENCE, 0xa0 [0] … */
  readonly tag: number;
  /** A view of the content. */
  readonly content: Uint8Array;
}

const MAX_LENGTH = 65_536;

/**
 * @returns The elements that fill `bytes`, as views.
 * @throws KeywardError `malformed`
 */
export function readElements(bytes: Uint8Array, what: string): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const { element, end } = readElement(bytes, at, what);
    elements.push(element);
    at = end;
  }
  return elements;
}

/** @throws KeywardError `malformed` unless `bytes` are one element with this tag. */
export function readOnly(bytes: Uint8Array, tag: number, what: string): Uint8Array {
  const elements = readElements(bytes, what);
  if (elements.length === 1) return contentOf(elements[0], tag, what);
  throw bad(what);
}

/** @throws KeywardError `malformed` when the element is missing or another. */
export function contentOf(element: Element | undefined, tag: number, what: string): Uint8Array {
  if (element?.tag === tag) return element.content;
  throw bad(what);
}

function readElement(bytes: Uint8Array, at: number, what: string): { element: Element; end: number } {
  const tag = bytes[at] ?? 0;
  const first = bytes[at + 1];
  if ((tag & 31) === 31 || first === undefined) throw bad(what);
  const [length, start] = first < 0x80 ? [first, at + 2] : readLength(bytes, at + 1, what);
  const end = start + length;
  if (end > bytes.byteLength) throw bad(what);
  return { element: { tag, content: bytes.subarray(start, end) }, end };
}

/** The long form: how many bytes, then the length. */
function readLength(bytes: Uint8Array, at: number, what: string): [number, number] {
  const count = (bytes[at] ?? 0) & 0x7f;
  if (count < 1 || count > 3) throw bad(what);
  let length = 0;
  for (let i = 1; i <= count; i++) length = (length << 8) | (bytes[at + i] ?? 0);
  const shortest = length >= 0x80 && length >> (8 * (count - 1)) !== 0;
  if (!shortest || length > MAX_LENGTH) throw bad(what);
  return [length, at + 1 + count];
}

function bad(what: string): KeywardError {
  return new KeywardError("malformed", `${what}: not the DER that was expected`);
}
