import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { createFacts, type FactTable, factLimits, flatten } from "./facts.ts";
import { type Attributes, type AttributeTree, noAttributes } from "./node.ts";

/** `field: value (origin)` of each fact, in order. */
function lines(table: FactTable): string[] {
  return [...table.values()].flat().map((fact) => `${fact.field}: ${fact.value} (${fact.origin})`);
}

function values(tree: AttributeTree): string[] {
  return [...flatten(tree, "set").values()].flat().map((fact) => `${fact.field}: ${fact.value}`);
}

function factsOf(attributes: Partial<Attributes>, name = "db1"): ReturnType<typeof createFacts> {
  return createFacts({ name, attributes: { ...noAttributes, ...attributes } });
}

describe("facts: flattening", () => {
  test("a leaf stands under its path and under its last key, and each key is a value of its object", () => {
    assert.deepEqual(values({ a: { b: { c: "deep" } } }), [
      "a: b",
      "a_b: c",
      "b: c",
      "a_b_c: deep",
      "c: deep",
    ]);
  });

  test("a key at the top has its value and nothing more", () => {
    assert.deepEqual(values({ role: "api" }), ["role: api"]);
  });

  test("elements of a list, and of lists within, share the list's path", () => {
    assert.deepEqual(values({ tags: ["a", ["b", ["c"]]], disks: [{ size: 1 }, { size: 2 }] }), [
      "tags: a",
      "tags: b",
      "tags: c",
      "disks: size",
      "disks_size: 1",
      "disks_size: 2",
      "size: 1",
      "size: 2",
    ]);
  });

  test("true, false, null and numbers are their text", () => {
    assert.deepEqual(values({ v: [true, false, null, 12, -1.5, 2.5, 1400000000.25, 1e-7, 1e21] }), [
      "v: true",
      "v: false",
      "v: ",
      "v: 12",
      "v: -1.5",
      "v: 2.5",
      "v: 1400000000.25",
      "v: 1.0e-7",
      "v: 1000000000000000000000",
    ]);
  });

  test("empty lists and objects give no value of their own", () => {
    assert.deepEqual(values({ app: { list: [], map: {} }, none: {} }), ["app: list", "app: map"]);
  });

  test("x.y_z, x_y.z and x.y.z are one field", () => {
    const table = flatten({ x: { y_z: "1", y: { z: "2" } }, x_y: { z: "3" } }, "set");
    assert.deepEqual(
      table.get("x_y_z")?.map((fact) => fact.value),
      ["1", "2", "3"],
    );
  });

  test("two pairs that would be one text when written together stay two", () => {
    const table = flatten({ a: "b:c", "a\u0000b": "c", "a:b": "c", a1: "1", a11: "" }, "set");
    assert.equal(table.size, 5);
  });

  test("a token is the value up to its first blank; a no-break space is not a blank", () => {
    const table = flatten({ v: ["hello world", " x", "a\u00a0b c", "tab\there"] }, "set");
    assert.deepEqual(
      table.get("v")?.map((fact) => fact.token),
      ["hello", "", "a\u00a0b", "tab"],
    );
  });
});

describe("facts: origins", () => {
  test("set lies over attested, attested over inventory, and each fact says where it is from", () => {
    const facts = factsOf({
      inventory: { env: "dev", zone: "a", rack: "7" },
      attested: { env: "stage", zone: "b" },
      set: { env: "prod" },
    });
    assert.deepEqual(lines(facts.granting), [
      "env: prod (set)",
      "zone: b (attested)",
      "rack: 7 (inventory)",
      "name: db1 (set)",
    ]);
  });

  test("objects merge deeply and lists are replaced", () => {
    const facts = factsOf({
      inventory: { app: { port: 1, tags: ["x", "y"] } },
      set: { app: { tags: ["z"] } },
    });
    assert.deepEqual(lines(facts.granting), [
      "app: port (inventory)",
      "app: tags (set)",
      "app_port: 1 (inventory)",
      "port: 1 (inventory)",
      "app_tags: z (set)",
      "tags: z (set)",
      "name: db1 (set)",
    ]);
  });

  test("a value that is no object hides the objects below it, also from those above", () => {
    const facts = factsOf({ inventory: { a: { x: 1 } }, attested: { a: "gone" }, set: { a: { y: 2 } } });
    assert.equal(facts.granting.has("a_x"), false);
    assert.equal(facts.granting.get("a_y")?.[0]?.origin, "set");
  });

  test("a pair that comes from two places has the origin that weighs more", () => {
    const facts = factsOf({ inventory: { b: { role: "api" } }, set: { a: { role: "api" } } });
    assert.equal(facts.granting.get("role")?.[0]?.origin, "set");
  });

  test("among many values, too, each stands once and the weightier origin wins", () => {
    const many = Array.from({ length: 100 }, (_, i) => `v${i}`);
    const facts = factsOf({ inventory: { a: { tag: [...many, ...many] } }, set: { tag: ["v7", "v99"] } });
    const tags = facts.granting.get("tag") ?? [];
    assert.equal(tags.length, 100);
    assert.deepEqual(
      tags.filter((fact) => fact.origin === "set").map((fact) => fact.value),
      ["v7", "v99"],
    );
  });

  test("what a node reports is kept apart", () => {
    const facts = factsOf({ reported: { role: "api" } });
    assert.deepEqual(lines(facts.granting), ["name: db1 (set)"]);
    assert.deepEqual(lines(facts.reported()), ["role: api (reported)"]);
  });

  test("no attribute takes the field name, whatever its origin and depth", () => {
    const shadow = { name: "other", disk: { name: "other" } };
    const facts = factsOf({ set: shadow, attested: shadow, inventory: shadow, reported: shadow });
    assert.deepEqual(
      facts.granting.get("name")?.map((fact) => fact.value),
      ["db1"],
    );
    assert.equal(facts.granting.get("disk_name")?.[0]?.value, "other");
    assert.equal(facts.reported().has("name"), false);
  });

  test("members called __proto__ and constructor are plain keys", () => {
    const set = JSON.parse('{"__proto__": {"role": "api"}, "constructor": "x"}') as AttributeTree;
    assert.deepEqual(lines(factsOf({ set }).granting), [
      "__proto__: role (set)",
      "__proto___role: api (set)",
      "role: api (set)",
      "constructor: x (set)",
      "name: db1 (set)",
    ]);
  });
});

describe("facts: limits", () => {
  const nested = (levels: number, wrap: (inner: Json) => Json): Json => {
    let value: Json = "x";
    for (let i = 0; i < levels; i++) value = wrap(value);
    return value;
  };
  const cases: [string, AttributeTree][] = [
    ["deep objects", { a: nested(40, (inner) => ({ k: inner })) }],
    ["deep lists", { a: nested(40, (inner) => [inner]) }],
    ["objects and lists by turns", { a: nested(20, (inner) => [{ k: inner }]) }],
    ["a long value", { a: "x".repeat(factLimits.value + 1) }],
    ["a long path", { ["k".repeat(factLimits.field + 1)]: "x" }],
    ["many values", { a: Array.from({ length: factLimits.pairs + 1 }, (_, i) => i) }],
  ];
  for (const [what, tree] of cases) {
    test(`${what} are too large`, () => {
      assert.throws(
        () => flatten(tree, "set"),
        (error) => isKeywardError(error, "too-large"),
      );
    });
  }

  test("reported attributes that are too large do not hinder a node from having facts", () => {
    const facts = factsOf({ set: { role: "api" }, reported: { a: nested(40, (inner) => [inner]) } });
    assert.equal(facts.granting.get("role")?.length, 1);
    assert.throws(
      () => facts.reported(),
      (error) => isKeywardError(error, "too-large") && error.message.startsWith("reported attributes: "),
    );
  });
});
