import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { chefFacts, parseChefObject } from "./chef-facts.ts";
import type { FactTable } from "./facts.ts";
import type { AttributeTree } from "./node.ts";

const vectors = new URL("../../test/vectors/chef/", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, vectors), "utf8");

const nodes = parseChefObject(read("search-nodes.json"), "search-nodes.json") as AttributeTree[];
const { documents } = JSON.parse(read("search-index-documents.json")) as {
  documents: Record<string, string>;
};

/** The text that the server's expander writes: pairs sorted by the bytes of field and value, a blank after each. */
function contentOf(table: FactTable): string {
  const bytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const facts = [...table.values()].flat();
  facts.sort((a, b) => bytes(a.field, b.field) || bytes(a.value, b.value));
  return facts.map((fact) => `${fact.field}__=__${fact.value} `).join("");
}

describe("chef facts", () => {
  for (const [name, document] of Object.entries(documents)) {
    test(`chef-server's index document of ${name}, byte for byte`, () => {
      const id = /X_CHEF_id_CHEF_X__=__(\S+)/.exec(document)?.[1] ?? "";
      const node = nodes.find((candidate) => candidate.name === name) ?? {};
      assert.equal(contentOf(chefFacts(node, { id, database: "chef_org" }).granting), document);
    });
  }

  test("the object's own name, role and environment stand over attributes of the same name", () => {
    const shadowed = {
      name: "a",
      chef_environment: "prod",
      run_list: ["role[web]"],
      normal: { role: "x", name: "y" },
    };
    const { granting } = chefFacts(shadowed);
    assert.deepEqual(
      ["name", "role", "chef_environment"].map((field) => granting.get(field)?.map((fact) => fact.value)),
      [["a"], ["web"], ["prod"]],
    );
  });

  test("a number keeps the form in which it was written", () => {
    const text = '{"a": 1.0, "b": 1, "c": 12345678901234567890, "d": 2.50, "e": 1e5}';
    assert.deepEqual(parseChefObject(text, "node"), {
      a: "1.0",
      b: "1",
      c: "12345678901234567890",
      d: "2.5",
      e: "1.0e5",
    });
  });

  test("a float is written as Erlang writes it, and minus nothing is nothing", () => {
    for (const [source, text] of [
      ["100.0", "100.0"],
      ["1000.0", "1.0e3"],
      ["1.0e+3", "1.0e3"],
      ["1234567.0", "1234567.0"],
      ["1.2e10", "1.2e10"],
      ["0.0001", "0.0001"],
      ["0.00012345", "1.2345e-4"],
      ["-0.00001", "-1.0e-5"],
      ["2251799813685248.5", "2251799813685248.5"],
      ["9007199254740991.0", "9007199254740991.0"],
      ["9007199254740992.0", "9.007199254740992e15"],
      ["0.0", "0.0"],
      ["-0.0", "-0.0"],
      ["-0", "0"],
      ["5e-324", "5.0e-324"],
    ])
      assert.deepEqual(parseChefObject(`{"f":${source}}`, "node"), { f: text });
  });

  test("an object without a name is refused", () => {
    assert.throws(
      () => chefFacts({ normal: {} }),
      (error) => isKeywardError(error, "malformed"),
    );
  });
});
