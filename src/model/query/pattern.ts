/**
 * Patterns: exact texts, or texts with wildcards. No regular expression is made from what a user wrote: the
 * parts between two `*` are looked for from left to right, each at its first place, so a match takes at most
 * length of the text × length of the pattern steps.
 */
import type { Pattern, PatternPart } from "./ast.ts";

export type TextTest = (text: string) => boolean;

/** The parts between two `*`; they hold texts and `?` only. */
type Segment = readonly PatternPart[];

export function compilePattern(pattern: Pattern): TextTest {
  if (pattern.kind === "exact") return (text) => text === pattern.text;
  const segments = splitAtStars(pattern.parts);
  const [first = [], ...rest] = segments;
  const last = rest.pop();
  if (last === undefined) return (text) => matchAt(first, text, 0) === text.length;
  return (text) => {
    let at = matchAt(first, text, 0);
    for (const segment of rest) {
      if (at < 0) return false;
      at = findFrom(segment, text, at);
    }
    return at >= 0 && endsWith(last, text, at);
  };
}

/** Does it say no more than «there is something»? */
export function isAnything(pattern: Pattern): boolean {
  return pattern.kind === "wild" && pattern.parts.length === 1 && pattern.parts[0]?.kind === "any";
}

function splitAtStars(parts: readonly PatternPart[]): Segment[] {
  const segments: PatternPart[][] = [[]];
  for (const part of parts) {
    if (part.kind === "any") segments.push([]);
    else segments[segments.length - 1]?.push(part);
  }
  return segments;
}

/** @returns Where the segment ends when it begins at `start`, or -1. */
function matchAt(segment: Segment, text: string, start: number): number {
  let at = start;
  for (const part of segment) {
    if (part.kind === "text") {
      if (!text.startsWith(part.text, at)) return -1;
      at += part.text.length;
    } else {
      if (at >= text.length) return -1;
      // One character may be a surrogate pair.
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    }
  }
  return at;
}

/** @returns Where the first occurrence of the segment at or after `start` ends, or -1. */
function findFrom(segment: Segment, text: string, start: number): number {
  const [only] = segment;
  if (segment.length === 1 && only?.kind === "text") {
    const found = text.indexOf(only.text, start);
    return found < 0 ? -1 : found + only.text.length;
  }
  for (let at = start; at <= text.length; at++) {
    const end = matchAt(segment, text, at);
    if (end >= 0) return end;
  }
  return -1;
}

function endsWith(segment: Segment, text: string, start: number): boolean {
  const [only] = segment;
  if (only === undefined) return true;
  if (segment.length === 1 && only.kind === "text")
    return text.length - only.text.length >= start && text.endsWith(only.text);
  for (let at = start; at <= text.length; at++) {
    if (matchAt(segment, text, at) === text.length) return true;
  }
  return false;
}
