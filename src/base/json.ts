/** JSON from outside, with limits on size, depth and count, and JSON for hashing, in one canonical form. */
import { KeywardError } from "./errors.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface JsonLimits {
  /** Bytes of text. */
  size: number;
  /** Levels of objects and arrays. */
  depth: number;
  /** Values of any kind, all told. */
  count: number;
}

export const defaultLimits: JsonLimits = { size: 2_097_152, depth: 16, count: 100_000 };

/**
 * Parse JSON from outside. Members called `__proto__` are refused.
 *
 * @param what - Names the place in errors; the text itself is never quoted.
 * @throws KeywardError `malformed`, or `too-large` when a limit is passed.
 */
export function parseJson(text: string, what: string, limits: JsonLimits = defaultLimits): Json {
  if (Buffer.byteLength(text) > limits.size)
    throw new KeywardError("too-large", `${what}: more than ${limits.size} bytes`);
  assertDepth(text, what, limits.depth);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new KeywardError("malformed", `${what}: not valid JSON`);
  }
  assertShape(value, what, limits.depth, { left: limits.count });
  return value;
}

/**
 * Does `parseJson` take back what this value is written as? For those who must be able to read what they write.
 *
 * @param text - The value as JSON.
 * @throws KeywardError as `parseJson`
 */
export function assertReadable(
  value: unknown,
  text: string,
  what: string,
  limits: JsonLimits = defaultLimits,
): void {
  if (Buffer.byteLength(text) > limits.size)
    throw new KeywardError("too-large", `${what}: more than ${limits.size} bytes`);
  assertShape(value, what, limits.depth, { left: limits.count });
}

/** Counts brackets outside strings, so that a deep text is refused before the parser recurses into it. */
function assertDepth(text: string, what: string, limit: number): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > limit) throw new KeywardError("too-large", `${what}: nested deeper than ${limit}`);
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
}

/** @param depth - Levels that are left. Members that are not there (`undefined`) do not count. */
function assertShape(value: unknown, what: string, depth: number, budget: { left: number }): void {
  if (budget.left-- <= 0) throw new KeywardError("too-large", `${what}: too many values`);
  if (value === null || typeof value !== "object") return;
  if (depth === 0) throw new KeywardError("too-large", `${what}: nested too deep`);
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    if (name === "__proto__") throw new KeywardError("malformed", `${what}: a member named __proto__`);
    assertShape(member, what, depth - 1, budget);
  }
}

/**
 * One text for one value: members sorted by code unit, no blanks (RFC 8785 for the values that we write:
 * strings, booleans, null and safe integers).
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(",")}}`;
}
