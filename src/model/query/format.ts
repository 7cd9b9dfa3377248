/** A query as text again: the one way of writing it that all of Chef's servers read alike. */
import type { Leaf, Pattern, Query } from "./ast.ts";

/** `parseQuery(formatQuery(query))` is the same query. */
export function formatQuery(query: Query): string {
  switch (query.kind) {
    case "all":
      return "*:*";
    case "not":
      return `NOT ${formatNegated(query.operand)}`;
    case "and":
    case "or":
      return formatOperands(query.kind, query.operands);
    case "term":
    case "phrase":
    case "range":
    case "word":
      return formatLeaf(query);
  }
}

export function formatLeaf(leaf: Leaf): string {
  switch (leaf.kind) {
    case "term":
      return `${formatPattern(leaf.field)}:${formatPattern(leaf.value)}`;
    case "phrase":
      return `${escapeText(leaf.field)}:"${leaf.words.map(escapeQuoted).join(" ")}"`;
    case "range": {
      const ends = `${formatEnd(leaf.from)} TO ${formatEnd(leaf.to)}`;
      return `${escapeText(leaf.field)}:${leaf.inclusive ? `[${ends}]` : `{${ends}}`}`;
    }
    case "word":
      return leaf.word;
  }
}

export function escapeText(text: string): string {
  return text.replace(/[[\]\\/"!(){}^~*?:]/g, "\\$&");
}

/** In quotes a slash needs no backslash. */
function escapeQuoted(word: string): string {
  return escapeText(word).replaceAll("\\/", "/");
}

/** In a list of AND a negation may stand last; anywhere else it needs parentheses of its own. */
function formatOperands(kind: "and" | "or", operands: readonly Query[]): string {
  const texts = operands.map((operand, i) => {
    const bare = isAtom(operand) || (isLast(i, operands) && mayStandLast(kind, operand));
    return bare ? formatQuery(operand) : `(${formatQuery(operand)})`;
  });
  return texts.join(kind === "and" ? " AND " : " OR ");
}

function isLast(i: number, operands: readonly Query[]): boolean {
  return i === operands.length - 1;
}

function mayStandLast(kind: "and" | "or", operand: Query): boolean {
  return operand.kind === "all" || (kind === "and" && operand.kind === "not");
}

/** A phrase cannot be negated as it is: Chef's server reads that as something else. */
function formatNegated(operand: Query): string {
  const bare = operand.kind === "all" || (isAtom(operand) && operand.kind !== "phrase");
  return bare ? formatQuery(operand) : `(${formatQuery(operand)})`;
}

function isAtom(query: Query): boolean {
  return query.kind === "term" || query.kind === "phrase" || query.kind === "range" || query.kind === "word";
}

function formatPattern(pattern: Pattern): string {
  if (pattern.kind === "exact") return escapeText(pattern.text);
  return pattern.parts
    .map((part) => (part.kind === "text" ? escapeText(part.text) : part.kind === "any" ? "*" : "?"))
    .join("");
}

function formatEnd(end: string | null): string {
  return end === null ? "*" : escapeText(end);
}
