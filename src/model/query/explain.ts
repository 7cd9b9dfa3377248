/** Explaining: why a query matches a node or misses it, term by term, with the origin of each attribute. */
import type { Fact, Facts } from "../facts.ts";
import { printable } from "../name.ts";
import type { Leaf, Query } from "./ast.ts";
import { formatLeaf, formatQuery } from "./format.ts";
import { compileLeaf, factsOfField, findFact } from "./leaf.ts";

/** Why a term finds nothing. */
export type Miss =
  /** The node says so of itself, which never counts. */
  | { readonly kind: "only-reported"; readonly fact: Fact }
  /** The field is there with other values: the first few, and how many there are. */
  | { readonly kind: "other-values"; readonly facts: readonly Fact[]; readonly count: number }
  | { readonly kind: "no-field" };

export type Explanation = {
  readonly matched: boolean;
  /** This part of the query as text. */
  readonly query: string;
} & (
  | { readonly kind: "all" }
  /** `found` when it matched, else `miss`. */
  | { readonly kind: "term"; readonly found: Fact | null; readonly miss: Miss | null }
  | { readonly kind: "not"; readonly part: Explanation }
  | { readonly kind: "and" | "or"; readonly parts: readonly Explanation[] }
);

/** How many other values a miss names. */
const shown = 5;

/** `matched` is what `matches` answers. @throws KeywardError `too-large` when the reported attributes are. */
export function explain(query: Query, facts: Facts): Explanation {
  const text = formatQuery(query);
  switch (query.kind) {
    case "all":
      return { kind: "all", matched: true, query: text };
    case "not": {
      const part = explain(query.operand, facts);
      return { kind: "not", matched: !part.matched, query: text, part };
    }
    case "and":
    case "or": {
      const parts = query.operands.map((operand) => explain(operand, facts));
      const matched = query.kind === "and" ? parts.every(isMatched) : parts.some(isMatched);
      return { kind: query.kind, matched, query: text, parts };
    }
    case "term":
    case "phrase":
    case "range":
    case "word":
      return explainLeaf(query, facts);
  }
}

/** One line: the terms that decide. `role is "api" (set), tag is not there`. */
export function summarize(explanation: Explanation): string {
  return [...new Set(deciding(explanation).map(sayTerm))].join(", ");
}

/** A tree of lines: yes or no, the part of the query, and for each term what was found. */
export function formatExplanation(explanation: Explanation, indent = ""): string[] {
  const mark = `${indent}${explanation.matched ? "yes" : "no "}  `;
  switch (explanation.kind) {
    case "all":
    case "term":
      return [`${mark}${explanation.query}: ${sayTerm(explanation)}`];
    case "not":
      return [`${mark}NOT`, ...formatExplanation(explanation.part, `${indent}  `)];
    case "and":
    case "or": {
      const head = explanation.kind === "and" ? "all of" : "one of";
      return [
        `${mark}${head}`,
        ...explanation.parts.flatMap((part) => formatExplanation(part, `${indent}  `)),
      ];
    }
  }
}

type Atom = Extract<Explanation, { kind: "all" | "term" }>;

function isMatched(explanation: Explanation): boolean {
  return explanation.matched;
}

function explainLeaf(leaf: Leaf, facts: Facts): Explanation {
  const test = compileLeaf(leaf);
  const query = formatLeaf(leaf);
  const found = findFact(facts.granting, test);
  if (found !== null) return { kind: "term", matched: true, query, found, miss: null };
  const reported = findFact(facts.reported(), test);
  if (reported !== null) return missed(query, { kind: "only-reported", fact: reported });
  const others = leaf.kind === "word" ? [] : factsOfField(facts.granting, test);
  if (others.length === 0) return missed(query, { kind: "no-field" });
  return missed(query, { kind: "other-values", facts: others.slice(0, shown), count: others.length });
}

function missed(query: string, miss: Miss): Explanation {
  return { kind: "term", matched: false, query, found: null, miss };
}

/** The terms without which the answer would be another. */
function deciding(explanation: Explanation): Atom[] {
  switch (explanation.kind) {
    case "all":
    case "term":
      return [explanation];
    case "not":
      return deciding(explanation.part);
    case "and":
    case "or": {
      const { parts, matched } = explanation;
      const same = parts.filter((part) => part.matched === matched);
      const needsAll = matched === (explanation.kind === "and");
      return (needsAll ? same : same.slice(0, 1)).flatMap(deciding);
    }
  }
}

function sayTerm(explanation: Atom): string {
  if (explanation.kind === "all") return "every node";
  const { found, miss, query } = explanation;
  if (found !== null) return sayFact(found);
  if (miss === null || miss.kind === "no-field") return `nothing for ${query}`;
  if (miss.kind === "only-reported")
    return `${sayFact(miss.fact)}, and what a node reports of itself does not count`;
  const more = miss.count > miss.facts.length ? `, and ${miss.count - miss.facts.length} more` : "";
  return `${miss.facts.map(sayFact).join(", ")}${more}`;
}

function sayFact(fact: Fact): string {
  return `${fact.field} is ${printable(fact.value)} (${fact.origin})`;
}
