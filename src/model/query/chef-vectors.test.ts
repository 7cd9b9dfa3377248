import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import { chefFacts, parseChefObject } from "../chef-facts.ts";
import type { AttributeTree } from "../node.ts";
import {
  compileQuery,
  createFactIndex,
  formatQuery,
  type ParseOptions,
  parseQuery,
  type Query,
} from "./query.ts";

interface Case {
  readonly n: number;
  readonly query: string;
  readonly chef_server: { readonly status: number; readonly names?: readonly string[] };
  readonly agree: { readonly all: boolean };
}

const vectors = new URL("../../../test/vectors/chef/", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, vectors), "utf8");

const { cases } = JSON.parse(read("search-queries.json")) as { cases: Case[] };
const portable = cases.filter((one) => one.agree.all);
const nodes = (parseChefObject(read("search-nodes.json"), "search-nodes.json") as AttributeTree[]).map(
  (node) => {
    return chefFacts(node, { id: "0", database: "chef_org" });
  },
);
const index = createFactIndex<string>();
for (const node of nodes) index.put(node);

/** The query, or `null` when it is refused with a column, a reason and a suggestion. */
function parse(text: string, options: ParseOptions): Query | null {
  try {
    return parseQuery(text, options);
  } catch (error) {
    assert.ok(isKeywardError(error), String(error));
    assert.match(error.message, /^query, column \d+: ./);
    assert.ok(error.hint !== undefined && error.hint !== "", `${text}: no hint`);
    return null;
  }
}

function namesOf(query: Query): string[] {
  return nodes
    .filter(compileQuery(query))
    .map((node) => node.name)
    .sort();
}

function assertSameAsServer(one: Case, query: Query): void {
  assert.equal(one.chef_server.status, 200, `${one.query}: the server refuses it`);
  const expected = [...(one.chef_server.names ?? [])].sort();
  assert.deepEqual(namesOf(query), expected, one.query);
  assert.deepEqual(index.select(query).sort(), expected, one.query);
}

/** The portable cases whose form D.5 of the specification wants refused for the destination of a key. */
const refusedByStrictness = [
  "tags:web tags:db",
  "tags:web || tags:db",
  "!tags:web",
  "-tags:web",
  "tags:web AND -tags:ssl",
  "tags:web AND !tags:ssl",
  "tags:web and tags:ssl",
  "tags:web or tags:db",
  "not tags:web",
  "cpu_total:[* TO 4]",
  "ohai_time:{* TO 1405000000}",
];

describe("chef's recorded queries", () => {
  test("there are 190 portable cases, 159 with an answer and 31 that all servers refuse", () => {
    assert.equal(portable.length, 190);
    assert.equal(portable.filter((one) => one.chef_server.status === 200).length, 159);
  });

  for (const mode of ["grant", "portable"] as const) {
    test(`${mode} mode never gives an answer other than the real server's, and refuses what it refuses`, () => {
      let answered = 0;
      for (const one of cases) {
        const query = parse(one.query, { mode });
        if (query === null) continue;
        assertSameAsServer(one, query);
        answered++;
      }
      assert.equal(answered, { grant: 234, portable: 246 }[mode]);
    });

    test(`${mode} mode refuses what all servers refuse`, () => {
      const refused = portable.filter((one) => one.chef_server.status !== 200);
      assert.deepEqual(
        refused.map((one) => parse(one.query, { mode })),
        refused.map(() => null),
      );
    });
  }

  test("portable mode answers every portable case that has an answer", () => {
    for (const one of portable) {
      if (one.chef_server.status !== 200) continue;
      const query = parse(one.query, { mode: "portable" });
      assert.ok(query !== null, one.query);
      assertSameAsServer(one, query);
    }
  });

  test("grant mode refuses these portable cases and no other", (t) => {
    const refused = portable
      .filter((one) => one.chef_server.status === 200 && parse(one.query, { mode: "grant" }) === null)
      .map((one) => one.query);
    for (const query of refused) t.diagnostic(`refused by strictness: ${query}`);
    assert.deepEqual(refused, refusedByStrictness);
  });

  test("what is accepted keeps its answer when it is written again", () => {
    for (const one of cases) {
      const query = parse(one.query, { mode: "portable" });
      if (query === null || query.kind === "word") continue;
      assert.deepEqual(parseQuery(formatQuery(query), { mode: "portable" }), query, one.query);
    }
  });
});
