import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Json } from "../../base/json.ts";
import { createFacts, type Facts } from "../facts.ts";
import { type AttributeTree, noAttributes } from "../node.ts";
import { compilePattern } from "./pattern.ts";
import {
  createFactIndex,
  explain,
  formatExplanation,
  formatQuery,
  matches,
  type Pattern,
  type PatternPart,
  parseQuery,
  type Query,
  summarize,
} from "./query.ts";

/** Plain objects, as the parser makes them. */
const record = <T extends object>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(members, { noNullPrototype: true }) as fc.Arbitrary<T>;

/** Few words, so that queries and nodes meet. */
const keys = fc.constantFrom("role", "env", "tag", "a", "b", "name", "a_b");
const values = fc.constantFrom("api", "db", "prod", "api db", "x:y", "", "Api", "10", "role", "b", "n1");
const leaf: fc.Arbitrary<Json> = fc.oneof(
  { weight: 6, arbitrary: values },
  { weight: 1, arbitrary: fc.constantFrom<Json>(null, true, false, 10, 2.5) },
);
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    leaf,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(keys, tie("value"), { maxKeys: 3 }),
  ),
})).value;
const tree: fc.Arbitrary<AttributeTree> = fc.dictionary(keys, json, { maxKeys: 4 });

const plain = fc.constantFrom("role", "env", "tag", "a", "b", "name", "a_b", "b_role");
const wild = fc.constantFrom<Pattern>(
  ...["*", "a*", "*b", "r*e", "?nv", "a?i", "*o*", "a*?"].map((text) => ({
    kind: "wild" as const,
    parts: partsOf(text),
  })),
);
const exact = (text: fc.Arbitrary<string>): fc.Arbitrary<Pattern> =>
  text.map((value) => ({ kind: "exact", text: value }));
const words = fc.constantFrom("api", "db", "prod", "x:y", "Api", "10", "role", "b", "n1");
const end = fc.option(fc.constantFrom("a", "api", "db", "prod", "x:y"), { nil: null });

function partsOf(text: string): PatternPart[] {
  return [...text].map((char) =>
    char === "*" ? { kind: "any" } : char === "?" ? { kind: "one" } : { kind: "text", text: char },
  );
}

const atom: fc.Arbitrary<Query> = fc.oneof(
  {
    weight: 8,
    arbitrary: record({ kind: fc.constant("term" as const), field: exact(plain), value: exact(words) }),
  },
  {
    weight: 3,
    arbitrary: record({ kind: fc.constant("term" as const), field: exact(plain), value: wild }),
  },
  {
    weight: 1,
    arbitrary: record({ kind: fc.constant("term" as const), field: wild, value: exact(words) }),
  },
  {
    weight: 2,
    arbitrary: record({
      kind: fc.constant("phrase" as const),
      field: plain,
      words: fc.array(words, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: record({
      kind: fc.constant("range" as const),
      field: plain,
      from: end,
      to: end,
      inclusive: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Query>({ kind: "all" }) },
  { weight: 1, arbitrary: fc.constant<Query>({ kind: "word", word: "and" }) },
);

const query = fc.letrec<{ query: Query }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    { weight: 4, arbitrary: atom },
    { weight: 1, arbitrary: record({ kind: fc.constant("not" as const), operand: tie("query") }) },
    {
      weight: 2,
      arbitrary: record({
        kind: fc.constantFrom("and" as const, "or" as const),
        operands: fc.array(tie("query"), { minLength: 2, maxLength: 3 }),
      }),
    },
  ),
})).query;

function factsOf(set: AttributeTree, inventory: AttributeTree, reported: AttributeTree, name = "n1"): Facts {
  return createFacts({ name, attributes: { ...noAttributes, set, inventory, reported } });
}

describe("queries: what holds for all", () => {
  test("in 100,000 cases no reported attribute changes a match, though it would if it counted", () => {
    let cases = 0;
    let telling = 0;
    const queries = fc.array(query, { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(tree, tree, tree, queries, (set, inventory, reported, asked) => {
        const silent = factsOf(set, inventory, {});
        const speaking = factsOf(set, inventory, reported);
        const believed = factsOf({ ...set, ...reported }, inventory, {});
        for (const one of asked) {
          const expected = matches(one, silent);
          assert.equal(matches(one, speaking), expected);
          if (matches(one, believed) !== expected) telling++;
          cases++;
        }
      }),
      { numRuns: 5_000 },
    );
    assert.equal(cases, 100_000);
    assert.ok(telling > 5_000, `only ${telling} cases could have told a difference`);
  });

  test("NOT is the complement", () => {
    fc.assert(
      fc.property(tree, query, (set, one) => {
        const facts = factsOf(set, {}, {});
        assert.equal(matches({ kind: "not", operand: one }, facts), !matches(one, facts));
      }),
      { numRuns: 2_000 },
    );
  });

  test("an explanation has the answer of the match, and can be told", () => {
    fc.assert(
      fc.property(tree, tree, query, (set, reported, one) => {
        const facts = factsOf(set, {}, reported);
        const why = explain(one, facts);
        assert.equal(why.matched, matches(one, facts));
        assert.notEqual(summarize(why), "");
        assert.equal(formatExplanation(why)[0]?.startsWith(why.matched ? "yes" : "no"), true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("the index selects exactly the nodes that match, whatever was added, changed and removed before", () => {
    const names = ["n1", "n2", "n3", "n4", "n5", "n6"];
    const step = record({
      name: fc.constantFrom(...names),
      tree: fc.option(tree, { nil: null, freq: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20 }),
        fc.array(query, { minLength: 5, maxLength: 5 }),
        (steps, asked) => {
          const index = createFactIndex<string>();
          const nodes = new Map<string, Facts>();
          for (const { name, tree: set } of steps) {
            if (set === null) {
              assert.equal(index.remove(name), nodes.delete(name));
            } else {
              const facts = factsOf(set, {}, {}, name);
              nodes.set(name, facts);
              index.put(facts);
            }
          }
          assert.equal(index.size, nodes.size);
          for (const one of asked) {
            const expected = names.filter((name) => {
              const facts = nodes.get(name);
              return facts !== undefined && matches(one, facts);
            });
            assert.deepEqual(index.select(one).sort(), expected);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("a query that is written and parsed is the same query", () => {
    fc.assert(
      fc.property(hardQuery, (one) => {
        const text = formatQuery(one);
        assert.deepEqual(parseQuery(text), one, text);
      }),
      { numRuns: 5_000 },
    );
  });

  test("a pattern matches as its definition says", () => {
    const pattern = fc.array(fc.constantFrom("a", "b", "😀", "*", "?"), { maxLength: 8 });
    const text = fc.array(fc.constantFrom("a", "b", "😀"), { maxLength: 10 });
    fc.assert(
      fc.property(pattern, text, (signs, chars) => {
        const matched = compilePattern({ kind: "wild", parts: partsOf(signs.join("")) })(chars.join(""));
        assert.equal(matched, matchesByDefinition(signs, chars));
      }),
      { numRuns: 5_000 },
    );
  });
});

function matchesByDefinition(signs: readonly string[], chars: readonly string[]): boolean {
  const [sign, ...rest] = signs;
  if (sign === undefined) return chars.length === 0;
  if (sign === "*")
    return chars.some((_, i) => matchesByDefinition(rest, chars.slice(i))) || matchesByDefinition(rest, []);
  return chars.length > 0 && (sign === "?" || sign === chars[0]) && matchesByDefinition(rest, chars.slice(1));
}

/** Queries with every sign that a text may hold, in the form that the parser gives. */
const hardText = fc
  .tuple(
    fc.constantFrom(...'abz019_.[]\\/"!(){}^~*?:'),
    fc.string({ unit: fc.constantFrom(...'abz019_.@+-[]\\/"!(){}^~*?:'), maxLength: 8 }),
  )
  .map(([first, rest]) => first + rest);

const hardPattern: fc.Arbitrary<Pattern> = fc.oneof(
  exact(hardText),
  fc
    .tuple(
      hardText,
      fc.array(fc.tuple(fc.constantFrom("any" as const, "one" as const), hardText), {
        minLength: 1,
        maxLength: 3,
      }),
    )
    .map(([first, more]): Pattern => {
      const rest = more.flatMap(([kind, text]): PatternPart[] => [{ kind }, { kind: "text", text }]);
      return { kind: "wild", parts: [{ kind: "text", text: first }, ...rest] };
    }),
  fc.constant<Pattern>({ kind: "wild", parts: [{ kind: "any" }] }),
  fc.constant<Pattern>({ kind: "wild", parts: [{ kind: "any" }, { kind: "one" }, { kind: "any" }] }),
);

const isNumber = (text: string | null): boolean => text !== null && /^[0-9.]+$/.test(text);

/** In a range the server's index takes these for its end, even escaped. */
const hardEnd = hardText.filter((text) => !/[\]}]/.test(text));
const hardAtom: fc.Arbitrary<Query> = fc.oneof(
  record({ kind: fc.constant("term" as const), field: hardPattern, value: hardPattern }).map(
    (term): Query => (formatQuery(term) === "*:*" ? { kind: "all" } : term),
  ),
  record({
    kind: fc.constant("phrase" as const),
    field: hardText,
    words: fc.array(hardText, { minLength: 1, maxLength: 3 }),
  }),
  record({
    kind: fc.constant("range" as const),
    field: hardEnd,
    from: fc.option(hardEnd, { nil: null }),
    to: fc.option(hardEnd, { nil: null }),
    inclusive: fc.boolean(),
  }).filter((range) => !isNumber(range.from) && !isNumber(range.to)),
);

const hardQuery = fc.letrec<{ query: Query }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    { weight: 3, arbitrary: hardAtom },
    { weight: 1, arbitrary: record({ kind: fc.constant("not" as const), operand: tie("query") }) },
    {
      weight: 2,
      arbitrary: record({
        kind: fc.constantFrom("and" as const, "or" as const),
        operands: fc.array(tie("query"), { minLength: 2, maxLength: 3 }),
      }),
    },
  ),
})).query;
