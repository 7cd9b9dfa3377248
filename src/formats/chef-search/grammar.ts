/**
 * The grammar of chef-server, an ordered one: of several forms the first that fits is taken for good. What it accepts
 * it rewrites, `FIELD:VALUE` to `content:FIELD__=__VALUE`, for the index to read.
 *
 *     query      = "*:*" / { expression / blanks }
 *     expression = binary / unary / fuzzy / boost / group / field-phrase / field / field-range / term / string
 *     binary     = ( group / field-phrase / field / field-range / term ) [ blanks ] join [ blanks ] query
 *     unary      = ( "NOT" blanks / "!" [ blanks ] ) ( group / field / field-range / term / string )
 *                / "+" ( term / string ) / "-" ( field / field-range / term / string )
 *     field      = name ":" ( fuzzy / term / group / string )
 *
 * Source: chef-server 15, chef_lucene.peg.
 */
import { KeywardError } from "../../base/errors.ts";

/** Where a form ends, and what the index reads in its place. */
interface Match {
  readonly end: number;
  readonly text: string;
}

type Rule = (at: number) => Match | null;

/** One letter that may begin a run, then letters that may go on; a backslash goes with one of these signs. */
const run = /(?:[A-Za-z0-9_.*/]|\\[[\]\\/"!(){}^~*?:])(?:[A-Za-z0-9*?@_+./-]|\\[[\]\\/"!(){}^~*?:])*/y;
const blanks = /[ \t]+/y;
const keyword = /AND|OR|NOT/y;
const join = /AND|&&|OR|\|\|/y;
const number = /[0-9]+(?:\.[0-9])?/y;

/** @throws KeywardError `malformed` with the column, counted from 1, where it stops; `too-large` */
export function rewrite(text: string, depth: number): string {
  const grammar = createGrammar(text, depth);
  const match = text === "" ? null : grammar.query(0);
  if (match !== null && match.end === text.length) return match.text;
  const column = (match?.end || grammar.furthest()) + 1;
  throw new KeywardError("malformed", `query, column ${column}: chef-server does not read on from here`, {
    hint: "it answers 400, invalid search query",
  });
}

function createGrammar(text: string, maxDepth: number): { query: Rule; furthest(): number } {
  let furthest = 0;
  let depth = 0;

  const expect =
    (pattern: RegExp): Rule =>
    (at) => {
      pattern.lastIndex = at;
      const found = pattern.exec(text)?.[0];
      return found === undefined ? null : reach({ end: at + found.length, text: found });
    };
  const literal =
    (sign: string): Rule =>
    (at) =>
      text.startsWith(sign, at) ? reach({ end: at + sign.length, text: sign }) : null;

  function reach(match: Match): Match {
    furthest = Math.max(furthest, match.end);
    return match;
  }

  const letters = expect(run);
  const blank = expect(blanks);
  const isKeyword = expect(keyword);
  const joiner = expect(join);
  const decimal = expect(number);

  const fieldName: Rule = (at) => (isKeyword(at) === null ? letters(at) : null);
  const term: Rule = (at) => {
    const word = isKeyword(at);
    if (word === null) return letters(at);
    const rest = letters(word.end);
    return rest === null ? null : { end: rest.end, text: word.text + rest.text };
  };
  const string: Rule = (at) => sequence(at, literal('"'), words, literal('"'));
  const words: Rule = (at) => {
    let match = term(at);
    while (match !== null) {
      const next = sequence(match.end, blank, term);
      if (next === null) return match;
      match = { end: next.end, text: match.text + next.text };
    }
    return null;
  };
  const termOrString = first(term, string);
  const fuzzy: Rule = (at) => sequence(at, termOrString, literal("~"), optional(decimal));
  const boost: Rule = (at) => sequence(at, termOrString, literal("^"), decimal);
  const group: Rule = (at) => {
    if (text[at] !== "(") return null;
    if (++depth > maxDepth)
      throw new KeywardError("too-large", `query: groups nested deeper than ${maxDepth}`);
    const match = sequence(at, literal("("), query, literal(")"));
    depth--;
    return match;
  };
  const fieldPhrase: Rule = (at) => {
    const name = fieldName(at);
    const phrase = name && sequence(name.end, literal(':"'), words, literal('"'));
    return phrase && { end: phrase.end, text: `content:"${name.text}__=__${phrase.text.slice(2)}` };
  };
  const argument = first(fuzzy, term, (at) => group(at), string);
  const field: Rule = (at) => {
    const name = fieldName(at);
    const colon = name && literal(":")(name.end);
    const value = colon && argument(colon.end);
    return value && { end: value.end, text: `content:${name?.text}__=__${value.text}` };
  };
  const rangeEnd = first(literal("*"), letters);
  const fieldRange: Rule = (at) => {
    const name = fieldName(at);
    const colon = name && literal(":")(name.end);
    return colon && (range(colon.end, name.text, "[", "]") ?? range(colon.end, name.text, "{", "}"));
  };
  function range(at: number, name: string, open: string, close: string): Match | null {
    const from = text[at] === open ? rangeEnd(at + 1) : null;
    const to = from && sequence(from.end, literal(" TO "), rangeEnd);
    const end = to && literal(close)(to.end);
    if (end === null || from === null) return null;
    const upper = (to as Match).text.slice(" TO ".length);
    if (from.text === "*" && upper === "*") return { end: end.end, text: `content:${name}__=__*` };
    const low = from.text === "*" ? "" : from.text;
    const high = upper === "*" ? "\\ufff0" : upper;
    return { end: end.end, text: `content:${open}${name}__=__${low} TO ${name}__=__${high}${close}` };
  }

  const left = first(group, fieldPhrase, field, fieldRange, term);
  const binary: Rule = (at) => {
    const one = left(at);
    const gap = one && (blank(one.end)?.end ?? one.end);
    const joined = gap === null ? null : joiner(gap);
    const rest = joined && query(blank(joined.end)?.end ?? joined.end);
    return rest && { end: rest.end, text: `${one?.text} ${joined?.text} ${rest.text}` };
  };
  const negated = first(group, field, fieldRange, term, string);
  const prohibited = first(field, fieldRange, term, string);
  const unary = first(
    (at) => sequence(at, literal("NOT"), blank, negated),
    (at) => sequence(at, literal("!"), optional(blank), negated),
    (at) => sequence(at, literal("+"), termOrString),
    (at) => sequence(at, literal("-"), prohibited),
  );
  const expression = remembered(
    first(binary, unary, fuzzy, boost, group, fieldPhrase, field, fieldRange, term, string),
  );
  const query = remembered((at) => {
    const all = literal("*:*")(at);
    if (all !== null) return all;
    let match: Match = { end: at, text: "" };
    for (;;) {
      const next = expression(match.end) ?? blank(match.end);
      if (next === null) return match;
      match = { end: next.end, text: match.text + next.text };
    }
  });
  return { query, furthest: () => furthest };
}

function first(...rules: readonly Rule[]): Rule {
  return (at) => {
    for (const rule of rules) {
      const match = rule(at);
      if (match !== null) return match;
    }
    return null;
  };
}

function sequence(at: number, ...rules: readonly Rule[]): Match | null {
  let match: Match = { end: at, text: "" };
  for (const rule of rules) {
    const next = rule(match.end);
    if (next === null) return null;
    match = { end: next.end, text: match.text + next.text };
  }
  return match;
}

function optional(rule: Rule): Rule {
  return (at) => rule(at) ?? { end: at, text: "" };
}

/** The same form at the same place is read once: else a query of n groups would take 2ⁿ steps. */
function remembered(rule: Rule): Rule {
  const known = new Map<number, Match | null>();
  return (at) => {
    const before = known.get(at);
    if (before !== undefined) return before;
    const match = rule(at);
    known.set(at, match);
    return match;
  };
}
