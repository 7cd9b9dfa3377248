/**
 * Parsing: from text to a query, strict wherever Chef's servers disagree.
 *
 *     query   = joined
 *     joined  = operand { "AND" operand } | operand { "OR" operand }
 *     operand = [ "NOT" ] ( "(" joined ")" | leaf )
 *     leaf    = field ":" ( value | phrase | range ) | "*:*"
 *
 * A negation without parentheses stands alone or last in a list of AND; `*:*` alone or last.
 *
 * Spec: docs/formats/query.md. Vectors: test/vectors/chef/search-queries.json.
 */
import { type Query, queryLimits } from "./ast.ts";
import { combine, type Joiner, type Operand } from "./combine.ts";
import { formatQuery } from "./format.ts";
import { parseLeaf } from "./parse-leaf.ts";
import {
  type Cursor,
  isAtEnd,
  isBlank,
  operatorAt,
  refuse,
  refuseCharacter,
  skipBlanks,
  startsRun,
} from "./scan.ts";

export interface ParseOptions {
  /**
   * `grant` (the default) for the destination of a key: refuses all that servers disagree about, and forms that
   * people read in two ways. `portable` also takes the forms about which the servers agree: `||`, `!`, `-`,
   * terms side by side (OR), a range of numbers with an open start, and lower-case operators (plain words).
   */
  readonly mode?: "grant" | "portable";
}

/**
 * @throws KeywardError `malformed` with the column, counted from 1, and a suggestion as hint; `too-large` for
 *   more than 4,096 bytes, 32 groups inside one another or 256 terms.
 */
export function parseQuery(text: string, options: ParseOptions = {}): Query {
  if (Buffer.byteLength(text) > queryLimits.size) {
    const why = `longer than ${queryLimits.size} bytes`;
    throw refuse(text, 0, why, "set one attribute on the nodes that are meant, and ask for it", "too-large");
  }
  const cursor: Cursor = { text, portable: options.mode === "portable", pos: 0, depth: 0, terms: 0 };
  const query = parseJoined(cursor);
  if (!isAtEnd(cursor))
    throw refuse(
      text,
      cursor.pos,
      "this parenthesis closes none",
      "leave it out, or write \\) for the sign itself",
    );
  return query;
}

/** Stops at the end or before a closing parenthesis. */
function parseJoined(cursor: Cursor): Query {
  const operands: Operand[] = [parseOperand(cursor, null)];
  const joiners: Joiner[] = [];
  for (;;) {
    const joiner = parseJoiner(cursor);
    if (joiner === null) return combine(cursor, operands, joiners);
    joiners.push(joiner);
    operands.push(parseOperand(cursor, joiner));
  }
}

function parseOperand(cursor: Cursor, after: Joiner | null): Operand {
  skipBlanks(cursor);
  assertOperand(cursor, after);
  const at = cursor.pos;
  if (skipNegation(cursor))
    return { query: { kind: "not", operand: parseNegated(cursor, at) }, at, bare: "not" };
  if (cursor.text[at] === "(") return { query: parseGroup(cursor), at, bare: null };
  const query = parseLeaf(cursor);
  return { query, at, bare: query.kind === "all" ? "all" : null };
}

function parseGroup(cursor: Cursor): Query {
  const open = cursor.pos++;
  if (++cursor.depth > queryLimits.depth) {
    const why = `groups nested deeper than ${queryLimits.depth}`;
    throw refuse(cursor.text, open, why, "leave out parentheses that are not needed", "too-large");
  }
  const query = parseJoined(cursor);
  if (isAtEnd(cursor))
    throw refuse(cursor.text, open, "this parenthesis is not closed", "add ) at the end of the group");
  cursor.pos++;
  cursor.depth--;
  return query;
}

/** Steps over `NOT ` or, in portable mode, `!` or `-`. */
function skipNegation(cursor: Cursor): boolean {
  const { text, pos } = cursor;
  if (operatorAt(cursor) === "NOT") {
    cursor.pos += 3;
    if (!isBlank(text[cursor.pos]) && !isAtEnd(cursor))
      throw refuse(text, cursor.pos, "a blank is missing after NOT", "write NOT and a blank");
    skipBlanks(cursor);
    return true;
  }
  const sign = text[pos];
  if (sign === "+")
    throw refuse(text, pos, "servers disagree about +", "join the terms that must hold with AND");
  if (sign !== "!" && sign !== "-") return false;
  if (!cursor.portable)
    throw refuse(text, pos, `${sign} is not taken for a negation here`, "write NOT and a blank");
  cursor.pos++;
  if (!startsRun(text[cursor.pos]) && !(sign === "!" && text[cursor.pos] === "("))
    throw refuse(text, pos, `servers disagree about ${sign} here`, "write NOT and a blank");
  return true;
}

function parseNegated(cursor: Cursor, at: number): Query {
  if (isAtEnd(cursor) || cursor.text[cursor.pos] === ")")
    throw refuse(cursor.text, at, "a term is missing after NOT", "write NOT field:value");
  if (operatorAt(cursor) === "NOT" || /[!-]/.test(cursor.text[cursor.pos] ?? ""))
    throw refuse(cursor.text, cursor.pos, "a negation of a negation", "leave both out");
  const operand = parseOperand(cursor, null);
  if (operand.query.kind === "phrase" && cursor.text[operand.at] !== "(") {
    const hint = `put the phrase in parentheses: ${formatQuery({ kind: "not", operand: operand.query })}`;
    throw refuse(cursor.text, at, "Chef's server reads a negated phrase as something else", hint);
  }
  return operand.query;
}

function assertOperand(cursor: Cursor, after: Joiner | null): void {
  const { text, pos } = cursor;
  const operator = operatorAt(cursor);
  const name = after?.kind === "and" ? "AND" : "OR";
  if (operator === "AND" || operator === "OR")
    throw refuse(text, pos, `a term is missing before ${operator}`, "a term is written field:value");
  if (text[pos] === '"')
    throw refuse(
      text,
      pos,
      "a phrase stands without a field",
      'say which field it is in, as title:"two words"',
    );
  if (pos < text.length && text[pos] !== ")") return;
  if (after !== null)
    throw refuse(text, after.at, `a term is missing after ${name}`, "a term is written field:value");
  if (text[pos] === ")")
    throw refuse(text, pos, "a term is missing before this parenthesis", "leave out an empty group");
  throw refuse(text, pos, "the query is empty or ends too early", "for all nodes write *:*");
}

/** What joins the operand before the cursor to the next; `null` at the end of the list. */
function parseJoiner(cursor: Cursor): Joiner | null {
  skipBlanks(cursor);
  const { text, pos: at } = cursor;
  if (isAtEnd(cursor) || text[at] === ")") return null;
  const operator = operatorAt(cursor);
  if (operator === "AND" || operator === "OR") {
    cursor.pos += operator.length;
    return { kind: operator === "AND" ? "and" : "or", at };
  }
  if (text.startsWith("&&", at)) throw refuse(text, at, "servers disagree about &&", "write AND");
  if (text.startsWith("||", at)) {
    if (!cursor.portable) throw refuse(text, at, "|| is not taken for an operator here", "write OR");
    cursor.pos += 2;
    return { kind: "or", at };
  }
  if (!cursor.portable) throw refuseSideBySide(cursor, operator === "NOT");
  return { kind: "or", at };
}

function refuseSideBySide(cursor: Cursor, negated: boolean): Error {
  const { text, pos } = cursor;
  if (negated || /[!-]/.test(text[pos] ?? ""))
    return refuse(text, pos, "a negation stands beside a term without AND", "write AND NOT");
  if (!startsRun(text[pos]) && text[pos] !== "(") return refuseCharacter(cursor);
  const word = /^(and|or|not)[ \t(]/i.exec(text.slice(pos, pos + 4))?.[1];
  if (word !== undefined) {
    const hint = word === "not" ? "write AND NOT, in capitals" : `write ${word.toUpperCase()}, in capitals`;
    return refuse(text, pos, `${word} in lower case is a plain word to Chef`, hint);
  }
  if (/^[\w.@*?+-]+(?:[ \t)]|$)/.test(text.slice(pos)))
    return refuse(
      text,
      pos,
      "a word stands without a field",
      'quote a value with blanks, as field:"two words"',
    );
  return refuse(
    text,
    pos,
    "two terms side by side",
    "write AND between them when both must hold, or OR, as Chef reads it",
  );
}
