/** Leaves against facts: which fact of a table, if any, is what a term, a phrase or a range asks for. */
import { blanks, type Fact, type FactTable } from "../flatten.ts";
import type { Leaf, Pattern, Range } from "./ast.ts";
import { compilePattern, isAnything, type TextTest } from "./pattern.ts";

export interface LeafTest {
  /** One field by its name, or all whose name passes. */
  readonly field: string | TextTest;
  /** Whether a token can be right; `token` tells when it is the only one. */
  readonly matchesToken: TextTest;
  readonly token: string | null;
  /** Whether the fact is right; only a phrase and a word look beyond the token. */
  readonly matchesFact: (fact: Fact) => boolean;
  /** Whether `matchesFact` looks beyond the token. */
  readonly beyondToken: boolean;
}

const anything: TextTest = () => true;

export function compileLeaf(leaf: Leaf): LeafTest {
  switch (leaf.kind) {
    case "term": {
      const token = leaf.value.kind === "exact" ? leaf.value.text : null;
      return byToken(compileField(leaf.field), compileValue(leaf.value), token);
    }
    case "range":
      return byToken(leaf.field, compileRange(leaf), null);
    case "phrase": {
      const [first = "", ...later] = leaf.words;
      const test = byToken(leaf.field, (token) => token === first, first);
      if (later.length === 0) return test;
      return {
        ...test,
        matchesFact: (fact) => fact.token === first && beginsWith(fact, leaf.words),
        beyondToken: true,
      };
    }
    case "word":
      return {
        ...byToken(anything, anything, null),
        matchesFact: (fact) => fact.value !== fact.token && wordsOf(fact).includes(leaf.word, 1),
        beyondToken: true,
      };
  }
}

/** The first fact that the leaf asks for, or `null`. */
export function findFact(table: FactTable, test: LeafTest): Fact | null {
  if (typeof test.field === "string") return firstOf(table.get(test.field), test);
  for (const [field, facts] of table) {
    const found = test.field(field) ? firstOf(facts, test) : null;
    if (found !== null) return found;
  }
  return null;
}

/** All facts of the fields that the leaf names, right or not. */
export function factsOfField(table: FactTable, test: LeafTest): readonly Fact[] {
  const { field } = test;
  if (typeof field === "string") return table.get(field) ?? [];
  return [...table].flatMap(([name, facts]) => (field(name) ? facts : []));
}

function byToken(field: string | TextTest, matchesToken: TextTest, token: string | null): LeafTest {
  return { field, matchesToken, token, matchesFact: (fact) => matchesToken(fact.token), beyondToken: false };
}

function firstOf(facts: readonly Fact[] | undefined, test: LeafTest): Fact | null {
  if (facts === undefined) return null;
  for (const fact of facts) if (test.matchesFact(fact)) return fact;
  return null;
}

function compileField(field: Pattern): string | TextTest {
  return field.kind === "exact" ? field.text : compilePattern(field);
}

function compileValue(value: Pattern): TextTest {
  return isAnything(value) ? anything : compilePattern(value);
}

/** By UTF-16 units; the ends are ASCII, so any other order of Unicode gives the same answer. */
function compileRange({ from, to, inclusive }: Range): TextTest {
  if (from === null && to === null) return anything;
  const low = from ?? "";
  if (inclusive) return (token) => token >= low && (to === null || token <= to);
  return (token) => token > low && (to === null || token < to);
}

function wordsOf(fact: Fact): string[] {
  return fact.value.split(blanks);
}

function beginsWith(fact: Fact, words: readonly string[]): boolean {
  const found = wordsOf(fact);
  return words.every((word, i) => found[i] === word);
}
