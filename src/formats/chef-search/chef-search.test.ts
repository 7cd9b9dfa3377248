import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cpuMs } from "../../../test/waiting.ts";
import { isKeywardError } from "../../base/errors.ts";
import { chefFacts, parseChefObject } from "../../model/chef-facts.ts";
import type { AttributeTree } from "../../model/node.ts";
import { chefDocument, parseChefSearch } from "./chef-search.ts";
import { isWithin } from "./edits.ts";
import { rewrite } from "./grammar.ts";
import { compileRegexp } from "./regexp.ts";

interface Case {
  readonly query: string;
  readonly chef_server: {
    readonly status: number;
    readonly names?: readonly string[];
    readonly transformed?: string;
  };
}

const vectors = new URL("../../../test/vectors/chef/", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, vectors), "utf8");
const { cases } = JSON.parse(read("search-queries.json")) as { cases: Case[] };
const nodes = parseChefObject(read("search-nodes.json"), "search-nodes.json") as AttributeTree[];
const documents = nodes.map((node) => chefDocument(chefFacts(node, { id: "0", database: "chef_org" })));

/** @returns `null` where chef-server answers 400. */
function answer(query: string): string[] | null {
  try {
    return documents.filter(parseChefSearch(query)).map(({ name }) => name);
  } catch (error) {
    assert.ok(isKeywardError(error, "malformed"), `${query}: ${String(error)}`);
    return null;
  }
}

test("all 402 recorded queries have chef-server's answer", () => {
  assert.equal(cases.length, 402);
  for (const { query, chef_server } of cases) {
    const expected = chef_server.status === 200 ? [...(chef_server.names ?? [])].sort() : null;
    assert.deepEqual(answer(query)?.sort() ?? null, expected, query);
  }
});

test("what the index gets to read is the server's text", () => {
  for (const { query, chef_server } of cases)
    if (chef_server.transformed !== undefined)
      assert.equal(rewrite(query, 128), chef_server.transformed, query);
});

test("what one cannot read is refused with the column up to which one can", () => {
  for (const [query, column] of [
    ["tags:web AND &", 14],
    ["NOT a:b AND c:d", 9],
    ["a: b", 2],
    ["", 1],
  ] as const)
    assert.throws(() => parseChefSearch(query), new RegExp(`column ${column}:`), query);
});

test("groups inside groups take no more steps than they have signs, and no more than a limit", () => {
  const started = cpuMs();
  assert.throws(() => parseChefSearch("(".repeat(100)), /column/);
  assert.throws(() => parseChefSearch(`${"(a:b AND ".repeat(100)}c:d${")".repeat(99)}`), /column/);
  assert.throws(
    () => parseChefSearch("(".repeat(129)),
    (error) => isKeywardError(error, "too-large"),
  );
  assert.throws(
    () => parseChefSearch(`a:${"b".repeat(5000)}`),
    (error) => isKeywardError(error, "too-large"),
  );
  assert.ok(cpuMs() - started < 3000);
});

test("a URL's percent signs are decoded once more", () => {
  assert.deepEqual(answer("tags%3Aweb"), answer("tags:web"));
});

test("a likeness is a number of single precision: two edits of 20 letters are within 0.9", () => {
  const near = parseChefSearch("size:(abcdefgh:abcdefg~0.9)");
  const node = (word: string) => ({ name: "n", words: [word], has: new Set([word]), own: [] });
  assert.equal(near(node("abcdefgh__=__abcde")), true);
  assert.equal(near(node("abcdefgh__=__abcd")), false);
});

test("an edit is an insertion, a deletion, a change or an exchange of neighbours", () => {
  for (const [a, b, distance] of [
    ["web", "web", 0],
    ["web", "wbe", 1],
    ["web", "wexb", 1],
    ["web", "wb", 1],
    ["web", "wxx", 2],
    ["abcd", "badc", 2],
    ["", "ab", 2],
    ["web", "xyz", 3],
  ] as const)
    for (const limit of [0, 1, 2])
      assert.equal(isWithin(a, b, limit), distance <= limit, `${a} ${b} ${limit}`);
});

test("a regular expression fits the whole word", () => {
  for (const [source, word, fits] of [
    ["web", "web", true],
    ["web", "web1", false],
    ["w.b", "wöb", true],
    ["we+b", "weeeb", true],
    ["we?b", "wb", true],
    ["@b", "web", true],
    ["w\\.b", "web", false],
    [`${".?".repeat(40)}b`, "a".repeat(200), false],
  ] as const)
    assert.equal(compileRegexp(source)(word), fits, `${source} ${word}`);
});
