/** Queries from anyone's hand: the first line is the query, the rest JSON attributes to ask it of. */
import assert from "node:assert/strict";
import { utf8 } from "../../src/base/bytes.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { type Json, parseJson } from "../../src/base/json.ts";
import { createFacts } from "../../src/model/facts.ts";
import { type AttributeTree, noAttributes } from "../../src/model/node.ts";
import {
  createFactIndex,
  explain,
  formatExplanation,
  formatQuery,
  matches,
  type ParseOptions,
  parseQuery,
  type Query,
  summarize,
} from "../../src/model/query/query.ts";

const examples = [
  'role:api AND (env:prod OR env:stage) AND NOT tag:legacy\n{"role":"api","env":["prod"],"tag":null}',
  'a*_?:b\\:c* OR title:"two words" OR zone:[a TO *]\n{"a":{"b":{"c":"b:c"}},"title":"two  words","zone":1.5}',
  'NOT (path:\\/opt\\/*) \n{"path":"/opt/app","deep":{"er":[{"x":[[1]]}]}}',
  "!a:b || -c:d\n{}",
  "a:b and c:[* TO 4] d:*\n[]",
  "((((((*:*))))))",
].map(utf8);

function run(bytes: Uint8Array): void {
  const [text = "", ...rest] = new TextDecoder().decode(bytes).split("\n");
  const facts = factsOf(rest.join("\n"));
  let refused: unknown = null;
  for (const mode of ["portable", "grant"] as const) {
    try {
      ask(parseQuery(text, { mode }), { mode }, facts);
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      refused = error;
    }
  }
  if (refused !== null) throw refused;
}

function ask(query: Query, options: ParseOptions, facts: ReturnType<typeof factsOf>): void {
  assert.deepEqual(parseQuery(formatQuery(query), options), query);
  const index = createFactIndex<string>();
  index.put(facts);
  const why = explain(query, facts);
  assert.equal(matches(query, facts), why.matched);
  assert.equal(index.select(query).length, why.matched ? 1 : 0);
  assert.ok(summarize(why).length > 0 && formatExplanation(why).length > 0);
}

function factsOf(text: string): ReturnType<typeof createFacts> {
  const tree = treeOf(text);
  return createFacts({ name: "n1", attributes: { ...noAttributes, set: tree, reported: tree } });
}

function treeOf(text: string): AttributeTree {
  let json: Json;
  try {
    json = parseJson(text, "attributes");
  } catch {
    return {};
  }
  return json !== null && typeof json === "object" && !Array.isArray(json) ? json : {};
}

export default { name: "query", examples, run };
