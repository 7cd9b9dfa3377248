/** Parsing of what stands between the operators: `field:value`, `field:"a phrase"`, `field:[a TO b]`. */
import type { KeywardError } from "../../base/errors.ts";
import { type Leaf, type Pattern, type Phrase, type Query, queryLimits, type Range } from "./ast.ts";
import { escapeText } from "./format.ts";
import { isAnything } from "./pattern.ts";
import {
  type Cursor,
  isAtEnd,
  isBlank,
  plainText,
  type Run,
  readRun,
  refuse,
  refuseCharacter,
  skipBlanks,
  startsRun,
} from "./scan.ts";

/** Reads one leaf; `*:*` is «all». The cursor stands on its first character. */
export function parseLeaf(cursor: Cursor): Query {
  assertStart(cursor, "a field name");
  const field = readRun(cursor);
  if (cursor.text[cursor.pos] !== ":") return parseWord(cursor, field);
  assertField(cursor, field);
  cursor.pos++;
  if (++cursor.terms > queryLimits.terms) throw tooMany(cursor, field.at);
  const leaf = parseValue(cursor, field);
  assertEnded(cursor);
  return leaf.kind === "term" && isAnything(leaf.field) && isAnything(leaf.value) ? { kind: "all" } : leaf;
}

function parseValue(cursor: Cursor, field: Run): Leaf {
  const char = cursor.text[cursor.pos];
  if (char === '"') return parsePhrase(cursor, field);
  if (char === "[" || char === "{") return parseRange(cursor, field);
  if (char === "(") throw refuseFieldGroup(cursor, field);
  const at = cursor.pos;
  if (char === undefined || char === ")")
    throw refuse(cursor.text, at, "a value is missing after the colon", `for any value write ${field.raw}:*`);
  if (isBlank(char)) throw refuse(cursor.text, at, "a blank after the colon", "leave it out");
  assertStart(cursor, "a value");
  const value = readRun(cursor);
  if (/^(?:AND|OR|NOT)(?:[?@+-]|$)/.test(value.raw))
    throw refuse(
      cursor.text,
      at,
      "an operator stands where a value is wanted",
      `for any value write ${field.raw}:*`,
    );
  assertShort(cursor, field, value.raw.length);
  return { kind: "term", field: patternOf(field), value: patternOf(value) };
}

/** `and`, `or` and `not` in lower case are words to Chef, in portable mode to us; all other bare words are refused. */
function parseWord(cursor: Cursor, run: Run): Leaf {
  if (cursor.portable && /^(?:and|or|not)$/.test(run.raw) && isDelimiter(cursor.text[cursor.pos])) {
    cursor.terms++;
    return { kind: "word", word: run.raw };
  }
  if (/^(?:and|or|not)$/i.test(run.raw)) {
    const hint = `write ${run.raw.toUpperCase()}, in capitals`;
    throw refuse(cursor.text, run.at, `${run.raw} in lower case is a plain word to Chef`, hint);
  }
  if (!isDelimiter(cursor.text[cursor.pos])) throw refuseCharacter(cursor);
  if (/^[ \t]+:/.test(cursor.text.slice(cursor.pos)))
    throw refuse(cursor.text, cursor.pos, "a blank before the colon", "leave it out");
  throw refuse(
    cursor.text,
    run.at,
    `the word ${run.raw} stands without a field`,
    run.raw === "*" ? "for all nodes write *:*" : `say which field it is in, as role:${run.raw}`,
  );
}

function parsePhrase(cursor: Cursor, field: Run): Phrase {
  const open = cursor.pos++;
  const name = plainField(cursor, field, "phrase");
  const words: string[] = [];
  while (cursor.text[cursor.pos] !== '"') {
    if (words.length > 0) skipBlanks(cursor);
    if (isAtEnd(cursor)) throw refuse(cursor.text, open, "this quote is not closed", 'end the phrase with "');
    words.push(parsePhraseWord(cursor));
  }
  if (words.length === 0)
    throw refuse(cursor.text, open, "an empty phrase", `for a field that is there write ${field.raw}:*`);
  cursor.pos++;
  assertShort(cursor, field, cursor.pos - open);
  return { kind: "phrase", field: name, words };
}

function parsePhraseWord(cursor: Cursor): string {
  const { text, pos } = cursor;
  if (isBlank(text[pos]) || text[pos] === '"')
    throw refuse(text, pos, "a blank at the edge of a phrase", "leave it out");
  if (text[pos] !== "/") assertStart(cursor, "a word of a phrase");
  const run = readRun(cursor, true);
  const word = plainText(run);
  if (word === null)
    throw refuse(
      text,
      run.at,
      "a wildcard in a phrase is taken literally by Chef",
      "write \\* or \\? for the sign itself",
    );
  if (/^(?:AND|OR|NOT)(?:[@+-]|$)/.test(run.raw))
    throw refuse(
      text,
      run.at,
      `Chef's server does not take ${run.raw} in a phrase`,
      "leave the last words of the phrase out",
    );
  if (!isAtEnd(cursor) && !isBlank(text[cursor.pos]) && text[cursor.pos] !== '"')
    throw refuseCharacter(cursor);
  return word;
}

function parseRange(cursor: Cursor, field: Run): Range {
  const open = cursor.pos++;
  const inclusive = cursor.text[open] === "[";
  const name = plainField(cursor, field, "range");
  assertNoBracket(cursor, field.at, name, "the field of a range");
  const from = parseEnd(cursor, field);
  if (!cursor.text.startsWith(" TO ", cursor.pos))
    throw refuse(cursor.text, cursor.pos, "TO is missing here", `a range is written ${field.raw}:[a TO b]`);
  cursor.pos += 4;
  const to = parseEnd(cursor, field);
  const close = inclusive ? "]" : "}";
  if (cursor.text[cursor.pos] !== close)
    throw refuse(cursor.text, cursor.pos, `the range is not closed by ${close}`, "use [ with ] and { with }");
  cursor.pos++;
  assertNotNumeric(cursor, open, field, from, to);
  return { kind: "range", field: name, from, to, inclusive };
}

/** Texts, not numbers, are compared; portable mode takes the open start, about which all servers agree. */
function assertNotNumeric(
  cursor: Cursor,
  at: number,
  field: Run,
  from: string | null,
  to: string | null,
): void {
  const numeric = [from, to].some((end) => end !== null && /^[0-9.]+$/.test(end));
  if (!numeric || (cursor.portable && from === null)) return;
  const hint = `name the values, as (${field.raw}:2 OR ${field.raw}:4)`;
  throw refuse(cursor.text, at, "a range goes by characters, not by numbers: 16 lies before 4", hint);
}

function parseEnd(cursor: Cursor, field: Run): string | null {
  if (/^\*[ \]}]/.test(cursor.text.slice(cursor.pos, cursor.pos + 2))) {
    cursor.pos++;
    return null;
  }
  assertStart(cursor, "an end of a range");
  const run = readRun(cursor);
  const text = plainText(run);
  if (text === null)
    throw refuse(cursor.text, run.at, "a wildcard in an end of a range", "write * alone for an open end");
  assertNoBracket(cursor, run.at, text, "an end of a range");
  const next = cursor.text[cursor.pos];
  if (next !== undefined && next !== " " && next !== "]" && next !== "}") throw refuseCharacter(cursor);
  assertShort(cursor, field, run.raw.length);
  return text;
}

/** Lucene takes one for the end of the range, even escaped. */
function assertNoBracket(cursor: Cursor, at: number, text: string, where: string): void {
  if (!/[\]}]/.test(text)) return;
  const why = `Chef's server does not take ] and } in ${where}`;
  throw refuse(cursor.text, at, why, "name the values, joined by OR");
}

function patternOf(run: Run): Pattern {
  const text = plainText(run);
  return text === null ? { kind: "wild", parts: run.parts } : { kind: "exact", text };
}

function plainField(cursor: Cursor, field: Run, what: "phrase" | "range"): string {
  const text = plainText(field);
  if (text !== null) return text;
  throw refuse(
    cursor.text,
    field.at,
    `a wildcard in the field of a ${what} is taken literally by Chef`,
    "name the field",
  );
}

function assertField(cursor: Cursor, field: Run): void {
  const keyword = /^(?:AND|OR|NOT)/.exec(field.raw)?.[0];
  if (keyword === undefined) return;
  const hint = `give the attribute another name, or write *${field.raw.slice(1)}:…`;
  throw refuse(
    cursor.text,
    field.at,
    `Chef's server takes the start of this field for the operator ${keyword}`,
    hint,
  );
}

function assertStart(cursor: Cursor, what: string): void {
  const char = cursor.text[cursor.pos];
  if (startsRun(char)) return;
  if (char === undefined)
    throw refuse(cursor.text, cursor.pos, `${what} is missing here`, "a term is written field:value");
  if (char === ":")
    throw refuse(
      cursor.text,
      cursor.pos,
      "a field name is missing before the colon",
      "a term is written field:value",
    );
  if (!/[?@+-]/.test(char)) throw refuseCharacter(cursor);
  const hint =
    char === "?"
      ? "begin with *, or with a character"
      : "write the attribute without the sign, or begin with *";
  throw refuse(cursor.text, cursor.pos, `${what} cannot begin with ${char}`, hint);
}

function assertEnded(cursor: Cursor): void {
  if (!isDelimiter(cursor.text[cursor.pos])) throw refuseCharacter(cursor);
}

function isDelimiter(char: string | undefined): boolean {
  return char === undefined || char === ")" || isBlank(char);
}

function assertShort(cursor: Cursor, field: Run, length: number): void {
  if (field.raw.length + length <= queryLimits.pair) return;
  const why = `field and value together are longer than the ${queryLimits.pair} characters that Chef's index keeps whole`;
  throw refuse(cursor.text, field.at, why, "cut the value and end it with *");
}

function tooMany(cursor: Cursor, at: number): KeywardError {
  const hint = "set one attribute on the nodes that are meant, and ask for it";
  return refuse(cursor.text, at, `more than ${queryLimits.terms} terms`, hint, "too-large");
}

/** Suggests the same with the field before each word, when what is inside is plain enough. */
function refuseFieldGroup(cursor: Cursor, field: Run): KeywardError {
  const inside = /^\(([\w.@ +-]*)\)/.exec(cursor.text.slice(cursor.pos))?.[1] ?? "";
  const words = inside.split(" ").filter((word) => word !== "");
  const joined = words.some((word) => word === "AND" || word === "OR") || words.length === 1;
  const plain = joined && words.every((word) => startsRun(word[0]) && word !== "NOT");
  const spread = words.map((word) =>
    word === "AND" || word === "OR" ? word : `${field.raw}:${escapeText(word)}`,
  );
  const example = plain ? spread.join(" ") : `${field.raw}:a OR ${field.raw}:b`;
  return refuse(
    cursor.text,
    cursor.pos,
    "Chef's server finds nothing by a group after a field",
    `write (${example})`,
  );
}
