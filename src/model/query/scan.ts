/**
 * Scanning: the cursor over a query's text, and runs, the unbroken pieces that fields and values are made of.
 *
 *     run    = start { start | "?" | "@" | "+" | "-" }
 *     start  = letter | digit | "_" | "." | "*" | "\" escape         ASCII only
 *     escape = one of [ ] \ / " ! ( ) { } ^ ~ * ? :
 *
 * That is what Chef's server takes (chef_lucene.peg of chef-server 15), less the unescaped "/", in which Lucene
 * sees the start of a regular expression.
 */
import { type ErrorCode, KeywardError } from "../../base/errors.ts";
import { printable } from "../name.ts";
import type { PatternPart } from "./ast.ts";

export interface Cursor {
  readonly text: string;
  readonly portable: boolean;
  pos: number;
  depth: number;
  terms: number;
}

export interface Run {
  readonly at: number;
  /** As written, with escapes. */
  readonly raw: string;
  readonly parts: readonly PatternPart[];
}

const escapable = new Set('[]\\/"!(){}^~*?:');

/** An error at a place in the text; the column counts characters from 1. */
export function refuse(
  text: string,
  pos: number,
  why: string,
  hint: string,
  code: ErrorCode = "malformed",
): KeywardError {
  const column = [...text.slice(0, pos)].length + 1;
  return new KeywardError(code, `query, column ${column}: ${why}`, { hint });
}

/** Steps over blanks and tabs. */
export function skipBlanks(cursor: Cursor): void {
  while (cursor.text[cursor.pos] === " " || cursor.text[cursor.pos] === "\t") cursor.pos++;
}

export function isAtEnd(cursor: Cursor): boolean {
  return cursor.pos >= cursor.text.length;
}

export function isBlank(char: string | undefined): boolean {
  return char === " " || char === "\t";
}

export function startsRun(char: string | undefined): boolean {
  return char !== undefined && /^[A-Za-z0-9_.*\\]$/.test(char);
}

/** The operator that stands here as a word of its own, if one does. */
export function operatorAt(cursor: Cursor): "AND" | "OR" | "NOT" | null {
  const operator = /^(?:AND|OR|NOT)(?![A-Za-z0-9_.*?@+:\\/-])/.exec(
    cursor.text.slice(cursor.pos, cursor.pos + 4),
  );
  return (operator?.[0] as "AND" | "OR" | "NOT" | undefined) ?? null;
}

/**
 * Reads as far as the run goes; empty when none starts here. What stops it is for the caller to judge.
 *
 * @param inQuotes - Slashes need no escape there.
 */
export function readRun(cursor: Cursor, inQuotes = false): Run {
  const at = cursor.pos;
  const parts: PatternPart[] = [];
  for (;;) {
    const char = cursor.text[cursor.pos];
    if (char === "*") addAny(parts);
    else if (char === "?") parts.push({ kind: "one" });
    else if (char === "\\") addText(parts, readEscape(cursor));
    else if (char !== undefined && (/^[A-Za-z0-9_.@+-]$/.test(char) || (inQuotes && char === "/")))
      addText(parts, char);
    else break;
    cursor.pos++;
  }
  return { at, raw: cursor.text.slice(at, cursor.pos), parts };
}

/** The text of a run without wildcards; with one, `null`. */
export function plainText(run: Run): string | null {
  const [part, ...more] = run.parts;
  return part?.kind === "text" && more.length === 0 ? part.text : null;
}

function addAny(parts: PatternPart[]): void {
  if (parts.at(-1)?.kind !== "any") parts.push({ kind: "any" });
}

function addText(parts: PatternPart[], text: string): void {
  const last = parts.at(-1);
  if (last?.kind === "text") parts[parts.length - 1] = { kind: "text", text: last.text + text };
  else parts.push({ kind: "text", text });
}

/** Leaves the cursor on the escaped character. */
function readEscape(cursor: Cursor): string {
  const char = cursor.text[cursor.pos + 1];
  if (char !== undefined && escapable.has(char)) {
    cursor.pos++;
    return char;
  }
  if (char === undefined)
    throw refuse(cursor.text, cursor.pos, "the query ends in a backslash", "write \\\\ for one");
  const hint = /[\w.@+-]/.test(char)
    ? `${char} stands for itself inside a value: leave the backslash out`
    : 'write a value with blanks as field:"two words"; for other signs put ? in their place';
  throw refuse(cursor.text, cursor.pos, `\\ does not go before ${printable(char)}`, hint);
}

/** Why the character at the cursor cannot stand where it does, inside or right after a field or a value. */
export function refuseCharacter(cursor: Cursor): KeywardError {
  const char = String.fromCodePoint(cursor.text.codePointAt(cursor.pos) ?? 0);
  const [why, hint] = reasons[char] ?? [
    `${printable(char)} cannot be written in a query, because Chef's server does not read it`,
    "put ? in its place, or * for any characters",
  ];
  return refuse(cursor.text, cursor.pos, why, hint);
}

const asSign = (char: string): [string, string] => [
  `${printable(char)} has a meaning of its own in a query`,
  `write \\${char} for the sign itself`,
];

const reasons: { readonly [char: string]: [why: string, hint: string] } = {
  ":": ["a second colon", "a colon inside a value is written \\:"],
  "~": ["servers disagree about fuzzy and proximity search", "write \\~ for the sign itself, or use * and ?"],
  "^": ["a boost does not change who is selected", "leave it out, or write \\^ for the sign itself"],
  "/": [
    "Lucene takes / for the start of a regular expression",
    'write \\/ for the sign itself, or quote the value: "/a/b"',
  ],
  "[": asSign("["),
  "]": asSign("]"),
  "{": asSign("{"),
  "}": asSign("}"),
  "(": asSign("("),
  '"': asSign('"'),
  "!": asSign("!"),
  "&": [
    "& cannot be written in a query",
    "write AND to join two terms; put ? in place of the sign inside a value",
  ],
  "|": [
    "| cannot be written in a query",
    "write OR to join two terms; put ? in place of the sign inside a value",
  ],
  "\n": ["a line break", "write the query on one line"],
  "\r": ["a line break", "write the query on one line"],
};
