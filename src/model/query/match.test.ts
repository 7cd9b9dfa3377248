import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cpuMs } from "../../../test/waiting.ts";
import { createFacts, type Facts } from "../facts.ts";
import type { NodeName } from "../name.ts";
import { type Attributes, type AttributeTree, noAttributes } from "../node.ts";
import { createFactIndex, explain, formatExplanation, matches, parseQuery, summarize } from "./query.ts";

function node(attributes: Partial<Attributes>, name = "db1"): Facts<NodeName> {
  return createFacts({ name: name as NodeName, attributes: { ...noAttributes, ...attributes } });
}

function isMatch(query: string, set: AttributeTree): boolean {
  return matches(parseQuery(query), node({ set }));
}

describe("queries: what they mean", () => {
  const cases: readonly [query: string, set: AttributeTree, matched: boolean, why: string][] = [
    ["role:api", { role: "api" }, true, "the whole token is equal"],
    ["role:ap", { role: "api" }, false, "a part of a token is not enough"],
    ["role:API", { role: "api" }, false, "case matters"],
    ["role:api", { role: ["db", "api"] }, true, "any value of a list will do"],
    ["role:api", { role: "api legacy" }, true, "a value with blanks is held by its first word"],
    ["role:legacy", { role: "api legacy" }, false, "later words have no field"],
    ['role:"api legacy"', { role: "api  legacy node" }, true, "a phrase is the first words of a value"],
    ['role:"api node"', { role: "api legacy node" }, false, "words of a phrase follow one another"],
    ['role:"legacy node"', { role: "api legacy node" }, false, "a phrase does not begin in the middle"],
    ["role:*", { role: null }, true, "null counts as being there"],
    ["role:*", { role: [] }, false, "an empty list does not"],
    ["r?le:a*", { role: "api" }, true, "wildcards, in fields too"],
    ["*:api", { deep: { er: { x: "api" } } }, true, "any field"],
    ["app_port:80", { app: { port: 80 } }, true, "a path joined by _"],
    ["port:80", { app: { port: 80 } }, true, "the last key alone"],
    ["app:port", { app: { port: 80 } }, true, "a key is a value of its object"],
    ["zone:[a TO c]", { zone: "c" }, true, "an end is inside a closed range"],
    ["zone:{a TO c}", { zone: "c" }, false, "and outside an open one"],
    ["zone:[b TO *]", { zone: "a" }, false, "an open end has still a start"],
    ["zone:[* TO *]", { zone: "" }, true, "a range open on both sides is a field that is there"],
    ["name:db1", {}, true, "a node knows its name"],
    ["name:db2", { name: "db2", x: { name: "db2" } }, false, "which no attribute changes"],
    ["role:x__proto__", { role: "api" }, false, "names of object members are nothing special"],
    ["constructor:*", {}, false, "not as fields either"],
    ["odd:b__\\*", { odd: "b__*" }, true, "an escaped wildcard is the sign itself"],
    ["odd:b\\*", { odd: "bc" }, false, "and matches nothing else"],
  ];
  for (const [query, set, matched, why] of cases) {
    test(`${query} on ${JSON.stringify(set)}: ${why}`, () => {
      assert.equal(isMatch(query, set), matched);
    });
  }

  test("wildcards against a long value that almost matches take no time", () => {
    const query = parseQuery(`a:${"*a?a".repeat(60)}*b`);
    const facts = node({ set: { a: "a".repeat(65_000) } });
    const started = cpuMs();
    assert.equal(matches(query, facts), false);
    assert.ok(cpuMs() - started < 5000);
  });
});

describe("queries: explanations", () => {
  const query = parseQuery("role:api AND (env:prod OR env:stage) AND NOT tag:legacy");

  test("a match names the value and the origin of each term", () => {
    const facts = node({ set: { role: "api" }, attested: { env: "stage" }, reported: { tag: "legacy" } });
    assert.deepEqual(formatExplanation(explain(query, facts)), [
      "yes  all of",
      '  yes  role:api: role is "api" (set)',
      "  yes  one of",
      '    no   env:prod: env is "stage" (attested)',
      '    yes  env:stage: env is "stage" (attested)',
      "  yes  NOT",
      '    no   tag:legacy: tag is "legacy" (reported), and what a node reports of itself does not count',
    ]);
  });

  test("a miss that only a reported fact would mend says so", () => {
    const why = explain(parseQuery("role:api"), node({ set: { role: "db" }, reported: { role: "api" } }));
    assert.equal(why.matched, false);
    assert.ok(why.kind === "term" && why.miss?.kind === "only-reported");
    assert.equal(why.miss.fact.origin, "reported");
  });

  test("a miss names the other values, or says that there are none", () => {
    const facts = node({ inventory: { role: ["a", "b", "c", "d", "e", "f", "g"] } });
    assert.equal(
      summarize(explain(parseQuery("role:api"), facts)),
      'role is "a" (inventory), role is "b" (inventory), role is "c" (inventory), role is "d" (inventory), role is "e" (inventory), and 2 more',
    );
    assert.equal(summarize(explain(parseQuery("env:prod"), facts)), "nothing for env:prod");
  });

  test("a summary holds only the terms that decide", () => {
    const facts = node({ set: { role: "api", env: "dev" } });
    assert.equal(summarize(explain(query, facts)), 'env is "dev" (set)');
    assert.equal(summarize(explain(parseQuery("*:*"), facts)), "every node");
    assert.equal(summarize(explain(parseQuery("role:api OR env:dev"), facts)), 'role is "api" (set)');
  });

  test("a value cannot disturb the terminal", () => {
    const facts = node({ set: { role: "\u001b[2Jx" } });
    assert.equal(summarize(explain(parseQuery("role:*"), facts)), 'role is "\\u001b[2Jx" (set)');
  });
});

describe("fact index", () => {
  test("selects by term, wildcard, phrase, range and their combinations, and forgets what was removed", () => {
    const index = createFactIndex();
    for (let i = 0; i < 100; i++) {
      const set = {
        role: i % 2 === 0 ? "api" : "db",
        title: i === 7 ? "two words" : "two",
        zone: `z${i % 10}`,
      };
      index.put(node({ set }, `n${i}`));
    }
    const select = (text: string): string[] => index.select(parseQuery(text)).sort();
    assert.equal(select("role:api").length, 50);
    assert.deepEqual(select('title:"two words"'), ["n7"]);
    assert.equal(select("zone:[z3 TO z4] AND NOT role:api").length, 10);
    assert.equal(select("z*:z1 OR name:n2").length, 11);
    assert.equal(index.remove("n7" as NodeName), true);
    assert.equal(index.remove("n7" as NodeName), false);
    assert.deepEqual(select('title:"two words"'), []);
    index.put(node({ set: { role: "api" } }, "n1"));
    assert.equal(select("role:api").length, 51);
    assert.deepEqual(select("zone:z1 AND name:n1"), []);
    assert.equal(index.size, 99);
    assert.equal(index.get("n1" as NodeName)?.name, "n1");
    assert.equal(index.get("n7" as NodeName), undefined);
  });

  test("an empty index selects nothing, even by a negation", () => {
    assert.deepEqual(createFactIndex().select(parseQuery("NOT a:b")), []);
  });
});
