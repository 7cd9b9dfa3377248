/** Compiling: from a query to a function that says of a node's facts whether it matches. */
import type { Fact, Facts, FactTable } from "../facts.ts";
import type { Leaf, Query } from "./ast.ts";
import { compileLeaf, findFact } from "./leaf.ts";

type Matcher = (facts: Facts) => boolean;
type TableTest = (table: FactTable) => boolean;

/** The function looks at the granting facts alone: what a node reports of itself cannot change its answer. */
export function compileQuery(query: Query): Matcher {
  const test = compileTest(query);
  return (facts) => test(facts.granting);
}

/** For one question; compile a query that is asked of many nodes. */
export function matches(query: Query, facts: Facts): boolean {
  return compileQuery(query)(facts);
}

function compileTest(query: Query): TableTest {
  switch (query.kind) {
    case "all":
      return () => true;
    case "not": {
      const test = compileTest(query.operand);
      return (table) => !test(table);
    }
    case "and":
      return every(query.operands.map(compileTest));
    case "or":
      return some(query.operands.map(compileTest));
    case "term":
    case "phrase":
    case "range":
    case "word":
      return compileLeafTest(query);
  }
}

function compileLeafTest(leaf: Leaf): TableTest {
  const test = compileLeaf(leaf);
  const { field, token } = test;
  if (typeof field === "string" && token !== null && !test.beyondToken)
    return (table) => hasToken(table.get(field), token);
  return (table) => findFact(table, test) !== null;
}

/** The common case, `field:value`, kept free of calls. */
function hasToken(facts: readonly Fact[] | undefined, token: string): boolean {
  if (facts === undefined) return false;
  for (let i = 0; i < facts.length; i++) if (facts[i]?.token === token) return true;
  return false;
}

function every(tests: readonly TableTest[]): TableTest {
  return (table) => {
    for (const test of tests) if (!test(table)) return false;
    return true;
  };
}

function some(tests: readonly TableTest[]): TableTest {
  return (table) => {
    for (const test of tests) if (test(table)) return true;
    return false;
  };
}
