/** Keys: which are allowed, their order, and the bounds of a range. The same for every keeper. */
import { KeywardError } from "../base/errors.ts";
import type { Commit, RangeQuery } from "./store.ts";

/** UTF-8 bytes. */
export const MAX_KEY_SIZE = 2048;
/** A sealed 1 MiB value in base64 with its envelope, and room to spare. */
export const MAX_VALUE_SIZE = 4_194_304;

/**
 * @throws KeywardError `internal` for an empty key, one with a NUL or a lone surrogate (two of those would
 *   become one key in UTF-8); `too-large` over the limit. Names are parsed before they become keys, so
 *   none of this can come from outside.
 */
export function assertKey(key: string): void {
  if (key === "" || key.includes("\0") || !key.isWellFormed()) {
    throw new KeywardError("internal", `record key ${JSON.stringify(key.slice(0, 80))}: not allowed`);
  }
  if (key.length * 3 > MAX_KEY_SIZE && Buffer.byteLength(key) > MAX_KEY_SIZE) {
    throw new KeywardError("too-large", `record key: more than ${MAX_KEY_SIZE} bytes`);
  }
}

/** @throws KeywardError `too-large` */
export function assertValue(key: string, value: Uint8Array): void {
  if (value.byteLength > MAX_VALUE_SIZE) {
    throw new KeywardError("too-large", `record ${key}: more than ${MAX_VALUE_SIZE} bytes`);
  }
}

/** @throws KeywardError as above, or `internal` when a key is written twice. */
export function assertCommit({ write }: Commit): void {
  const seen = new Set<string>();
  for (const one of write) {
    assertKey(one.key);
    if (one.kind === "put") assertValue(one.key, one.value);
    if (seen.has(one.key))
      throw new KeywardError("internal", `record ${one.key}: written twice in one commit`);
    seen.add(one.key);
  }
}

/** Surrogates (U+10000 and up) after U+E000 to U+FFFF, as in UTF-8; code units alone have it the other way. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The order of the keys' UTF-8 bytes: negative, 0 or positive. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** The first text after everything that begins with `prefix`; `null` when there is none. */
export function prefixEnd(prefix: string): string | null {
  const points = Array.from(prefix);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    // U+D800 to U+DFFF are surrogates, no characters.
    const next = point === 0xd7ff ? 0xe000 : point + 1;
    if (next <= 0x10ffff) return points.join("") + String.fromCodePoint(next);
  }
  return null;
}

export interface Bounds {
  /** The first key. */
  readonly from: string;
  /** The key after the last; `null`: no end. */
  readonly to: string | null;
}

/** @throws KeywardError `internal` when the limit is not a whole number. */
export function boundsOf({ prefix, after, limit, reverse = false }: RangeQuery): Bounds {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
    throw new KeywardError("internal", "range: the limit is not a whole number");
  }
  const end = prefixEnd(prefix);
  if (after === undefined) return { from: prefix, to: end };
  if (reverse) return { from: prefix, to: end !== null && compareKeys(end, after) < 0 ? end : after };
  // No key holds a NUL, so this is the smallest text after `after`.
  const next = `${after}\0`;
  return { from: compareKeys(prefix, next) < 0 ? next : prefix, to: end };
}
