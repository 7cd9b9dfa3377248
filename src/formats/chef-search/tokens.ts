/**
 * Tokens of Lucene's classic query parser: at each place the longest that fits, of equals the first.
 *
 * Source: Lucene 8, queryparser/classic/QueryParser.jj.
 */
import { KeywardError } from "../../base/errors.ts";

export type TokenKind =
  | "and"
  | "or"
  | "not"
  | "plus"
  | "minus"
  | "bare-operator"
  | "("
  | ")"
  | ":"
  | "star"
  | "boost"
  | "quoted"
  | "term"
  | "fuzzy"
  | "prefix"
  | "wildcard"
  | "regexp"
  | "range-open"
  | "range-end"
  | "range-to"
  | "range-close"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const start = String.raw`(?:[^ \t\n\r\u3000+\-!():^[\]"{}~*?\\/]|\\[\s\S])`;
const letter = String.raw`(?:${start}|[+\-])`;

/** In the order of the grammar. */
const outside: readonly (readonly [TokenKind, RegExp])[] = [
  ["and", /AND|&&/y],
  ["or", /OR|\|\|/y],
  ["not", /NOT|!/y],
  ["plus", /\+/y],
  ["minus", /-/y],
  ["bare-operator", /[+\-!][ \t\n\r\u3000]/y],
  ["(", /\(/y],
  [")", /\)/y],
  [":", /:/y],
  ["star", /\*/y],
  ["boost", /\^ *[0-9]+(?:\.[0-9]+)?/y],
  ["quoted", /"(?:[^"\\]|\\[\s\S])*"/y],
  ["term", new RegExp(`${start}${letter}*`, "y")],
  ["fuzzy", /~(?:[0-9]+(?:\.[0-9]+)?)?/y],
  ["prefix", new RegExp(String.raw`(?:${start}${letter}*)?\*`, "y")],
  ["wildcard", new RegExp(`(?:${start}|[*?])(?:${letter}|[*?])*`, "y")],
  ["regexp", /\/(?:\\\/|[^*/])*\//y],
  ["range-open", /[[{]/y],
];

const inRange: readonly (readonly [TokenKind, RegExp])[] = [
  ["range-to", /TO/y],
  ["range-close", /[\]}]/y],
  ["range-end", /[^ \]}]+/y],
];

const blank = /[ \t\n\r\u3000]*/y;

/** @throws KeywardError `malformed` where no token fits. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let kinds = outside;
  let at = 0;
  for (;;) {
    blank.lastIndex = at;
    at += blank.exec(text)?.[0].length ?? 0;
    if (at >= text.length) break;
    const token = longest(kinds, text, at);
    if (token === null) throw unreadable();
    tokens.push(token);
    at += token.text.length;
    if (token.kind === "range-open") kinds = inRange;
    if (token.kind === "range-close") kinds = outside;
  }
  return tokens;
}

/** What the server says when its index cannot read what the grammar let through. */
export function unreadable(): KeywardError {
  return new KeywardError("malformed", "query: chef-server's grammar takes it and its index does not", {
    hint: "it answers 400, invalid search query; a / in a value is written \\/",
  });
}

function longest(kinds: typeof outside, text: string, at: number): Token | null {
  let best: Token | null = null;
  for (const [kind, pattern] of kinds) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined && found.length > (best?.text.length ?? 0)) best = { kind, text: found };
  }
  return best;
}

/** A backslash makes the next character plain; `\ufff0` is one character. */
export function plainText(text: string): string {
  if (/(?:^|[^\\])(?:\\\\)*\\$/.test(text)) throw unreadable();
  return text.replace(/\\(?:u([0-9A-Fa-f]{4})|([\s\S]))/g, (_, code: string | undefined, plain: string) =>
    code === undefined ? plain : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
