/**
 * Parsing as Lucene's classic query parser does it, which knows no precedence: AND makes both its neighbours
 * required, OR changes nothing, and what is neither required nor prohibited need not match as soon as something else
 * is required.
 *
 * Source: Lucene 8, queryparser/classic: QueryParser.jj, QueryParserBase.addClause.
 */
import type { Pattern, PatternPart } from "../../model/query/ast.ts";
import type { Clause, Lucene, Occur, Where } from "./clause.ts";
import { plainText, type Token, type TokenKind, tokenize, unreadable } from "./tokens.ts";
import { wordsOf } from "./words.ts";

/** As Lucene's limit for one group. */
const MAX_CLAUSES = 1024;

/** A word goes together with the one before it unless one of these follows. */
const endsWords: ReadonlySet<TokenKind> = new Set([":", "star", "fuzzy", "boost", "and", "or"]);

/** @throws KeywardError `malformed` where the server answers 400. */
export function parseClauses(text: string): Lucene {
  const reader = createReader(tokenize(text));
  const query = parseGroup(reader, "any");
  if (reader.peek() !== "end") throw unreadable();
  return query;
}

interface Reader {
  peek(ahead?: number): TokenKind;
  take(...kinds: readonly TokenKind[]): Token;
  takeIf(kind: TokenKind): Token | null;
}

const end: Token = { kind: "end", text: "" };

function createReader(tokens: readonly Token[]): Reader {
  let at = 0;
  const reader: Reader = {
    peek: (ahead = 0) => (tokens[at + ahead] ?? end).kind,
    take(...kinds) {
      if (!kinds.includes(reader.peek())) throw unreadable();
      return tokens[at++] as Token;
    },
    takeIf: (kind) => (reader.peek() === kind ? reader.take(kind) : null),
  };
  return reader;
}

function parseGroup(reader: Reader, where: Where): Lucene {
  const clauses: Clause[] = [];
  let only: Lucene | null = null;
  do {
    if (reader.peek() === "term" && reader.peek(1) === "term" && !endsWords.has(reader.peek(2))) {
      only = parseWords(reader, where);
      clauses.push({ occur: "should", query: only });
    } else {
      const joined = clauses.length === 0 ? null : parseJoin(reader);
      const sign = parseSign(reader);
      const query = parseClause(reader, where);
      addClause(clauses, joined, sign, query);
      only = sign === null ? query : null;
    }
    if (clauses.length > MAX_CLAUSES) throw unreadable();
  } while (reader.peek() !== "end" && reader.peek() !== ")");
  return clauses.length === 1 && only !== null ? only : { kind: "clauses", clauses };
}

/** Several words side by side are cut again as one text. */
function parseWords(reader: Reader, where: Where): Lucene {
  const words = [plainText(reader.take("term").text)];
  while (reader.peek() === "term" && !endsWords.has(reader.peek(1)))
    words.push(plainText(reader.take("term").text));
  return plain(where, words.join(" "));
}

function parseJoin(reader: Reader): "and" | "or" | null {
  if (reader.takeIf("and") !== null) return "and";
  return reader.takeIf("or") === null ? null : "or";
}

function parseSign(reader: Reader): "must" | "not" | null {
  if (reader.takeIf("plus") !== null) return "must";
  return (reader.takeIf("minus") ?? reader.takeIf("not")) === null ? null : "not";
}

function addClause(
  clauses: Clause[],
  joined: "and" | "or" | null,
  sign: "must" | "not" | null,
  query: Lucene,
): void {
  const last = clauses.at(-1);
  if (joined === "and" && last !== undefined && last.occur !== "not")
    clauses[clauses.length - 1] = { ...last, occur: "must" };
  const occur: Occur = sign ?? (joined === "and" ? "must" : "should");
  clauses.push({ occur, query });
}

function parseClause(reader: Reader, outer: Where): Lucene {
  const where = parseField(reader) ?? outer;
  if (reader.takeIf("(") !== null) {
    const query = parseGroup(reader, where);
    reader.take(")");
    reader.takeIf("boost");
    return query;
  }
  if (reader.peek() === "quoted") return parseQuoted(reader, where);
  if (reader.peek() === "range-open") return parseRange(reader, where);
  return parseTerm(reader, where);
}

/** The grammar before this one writes no other field than `content`, and `*` in `*:*`. */
function parseField(reader: Reader): Where | null {
  if (reader.peek(1) !== ":" || (reader.peek() !== "term" && reader.peek() !== "star")) return null;
  const kind = reader.take("term", "star").kind;
  reader.take(":");
  return kind === "star" ? "any" : "content";
}

function parseQuoted(reader: Reader, where: Where): Lucene {
  const { text } = reader.take("quoted");
  const slop = reader.takeIf("fuzzy")?.text.slice(1) ?? "";
  reader.takeIf("boost");
  const whole = plainText(text.slice(1, -1));
  return { kind: "phrase", where, words: wordsOf(whole), slop: Math.trunc(Number(slop)), whole };
}

function parseRange(reader: Reader, where: Where): Lucene {
  const open = reader.take("range-open").text;
  const from = plainText(reader.take("range-end", "range-to").text);
  reader.take("range-to");
  const to = plainText(reader.take("range-end", "range-to").text);
  reader.take("range-close");
  reader.takeIf("boost");
  return { kind: "range", where, from, to, inclusive: open === "[" };
}

function parseTerm(reader: Reader, where: Where): Lucene {
  const { kind, text } = reader.take("term", "star", "prefix", "wildcard", "regexp", "bare-operator");
  const slop = parseSlop(reader);
  switch (kind) {
    case "star":
      return where === "any" ? { kind: "all" } : { kind: "pattern", where, pattern: patternOf(text) };
    case "prefix":
    case "wildcard":
      return { kind: "pattern", where, pattern: patternOf(text) };
    case "regexp":
      return { kind: "regexp", where, source: text.slice(1, -1) };
    case "bare-operator":
      return plain(where, text.slice(0, 1));
    default: {
      const word = plainText(text);
      return slop === null
        ? plain(where, word)
        : { kind: "fuzzy", where, text: word, edits: editsOf(slop, word) };
    }
  }
}

/** `~0.5` and `^2`, in either order. */
function parseSlop(reader: Reader): string | null {
  const before = reader.takeIf("fuzzy");
  reader.takeIf("boost");
  const slop = before ?? reader.takeIf("fuzzy");
  return slop === null ? null : slop.text.slice(1);
}

/** Below 1 a likeness, a number of single precision as in Lucene; from 1 on a count of edits; never more than 2. */
function editsOf(slop: string, word: string): number {
  const wanted = slop === "" ? 2 : Math.fround(Number(slop));
  if (wanted >= 1) {
    if (!Number.isInteger(wanted)) throw unreadable();
    return Math.min(wanted, 2);
  }
  return wanted === 0 ? 0 : Math.min(Math.trunc((1 - wanted) * [...word].length), 2);
}

function plain(where: Where, whole: string): Lucene {
  return { kind: "words", where, words: wordsOf(whole), whole };
}

function patternOf(text: string): Pattern {
  const parts: PatternPart[] = [];
  for (const [, sign, rest] of text.matchAll(/([*?])|((?:[^*?\\]|\\[\s\S])+)/g)) {
    if (sign === undefined) parts.push({ kind: "text", text: plainText(rest ?? "") });
    else if (sign === "?") parts.push({ kind: "one" });
    else if (parts.at(-1)?.kind !== "any") parts.push({ kind: "any" });
  }
  return { kind: "wild", parts };
}
