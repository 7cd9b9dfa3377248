import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isKeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { chefInventory } from "./chef-inventory.ts";
import { createFacts } from "./facts.ts";
import {
  type AcceptedPath,
  acceptedTree,
  type Part,
  parseAcceptedPath,
  parseSourceName,
  tidyAccepted,
  wholeTree,
} from "./inventory.ts";
import { noAttributes } from "./node.ts";
import { matches, parseQuery } from "./query/query.ts";

const accepted = (...paths: string[]) => tidyAccepted(paths.map(parseAcceptedPath));
const usage = (error: unknown) => isKeywardError(error, "usage") || assert.fail(String(error));

const web1 = {
  name: "web1",
  chef_environment: "production",
  run_list: ["role[api]", "recipe[ntp]", "recipe[ssh::keys]"],
  default: { tier: "web", net: { zone: "lan", mtu: "1500" } },
  normal: { tags: ["ssl"], net: { zone: "dmz" } },
  override: { tier: "edge" },
  automatic: {
    roles: ["api", "base"],
    ipaddress: "10.0.0.1",
    ohai_time: "1700000000.5",
    network: { lanip: "10.0.0.1", interfaces: { eth0: {} } },
    memory: { free: "1" },
  },
};
const { parts } = chefInventory(web1);

test("nothing of a Chef node grants until it is accepted", () => {
  assert.deepEqual(acceptedTree(parts, []), {});
});

test("a part is accepted whole, or one attribute of it", () => {
  assert.deepEqual(acceptedTree(parts, accepted("environment")), { chef_environment: "production" });
  assert.deepEqual(acceptedTree(parts, accepted("run_list")), {
    run_list: ["role[api]", "recipe[ntp]", "recipe[ssh::keys]"],
    recipe: ["ntp", "ssh::keys"],
    role: ["api"],
  });
  assert.deepEqual(acceptedTree(parts, accepted("automatic.roles", "normal.net.zone")), {
    roles: ["api", "base"],
    net: { zone: "dmz" },
  });
  assert.deepEqual(acceptedTree(parts, accepted("automatic.none", "default.tier.deeper", "other")), {});
});

test("accepted parts are merged as Chef merges its levels", () => {
  assert.deepEqual(acceptedTree(parts, accepted("default", "normal", "override")), {
    tier: "edge",
    net: { zone: "dmz", mtu: "1500" },
    tags: ["ssl"],
  });
});

test("of the automatic attributes only those that queries ask for come, and what else is named", () => {
  const said = wholeTree(parts);
  assert.deepEqual(said.network, { lanip: "10.0.0.1" });
  assert.equal("ohai_time" in said || "memory" in said, false);
  assert.deepEqual(wholeTree(chefInventory(web1, ["memory.free"]).parts).memory, { free: "1" });
});

test("a node without a name, or with one that is none, is refused; one without an environment is in _default", () => {
  assert.throws(
    () => chefInventory({ run_list: [] }),
    (error) => isKeywardError(error, "malformed"),
  );
  assert.throws(() => chefInventory({ name: "a;rm -rf /" }), usage);
  assert.deepEqual(wholeTree(chefInventory({ name: "n" }).parts), {
    chef_environment: "_default",
    run_list: [],
    recipe: [],
    role: [],
  });
});

test("names of sources and of what is accepted are plain", () => {
  assert.equal(parseSourceName("chef"), "chef");
  for (const text of ["", "Chef", "chef/x", "-c", "a".repeat(33)])
    assert.throws(() => parseSourceName(text), usage);
  assert.equal(parseAcceptedPath("automatic.roles"), "automatic.roles");
  for (const text of ["", ".", "a..b", "a/b", "normal.__proto__", "a b"])
    assert.throws(() => parseAcceptedPath(text), usage);
  assert.deepEqual(accepted("normal.a", "normal", "normal.a.b", "automatic.roles"), [
    "automatic.roles",
    "normal",
  ]);
});

const words = fc.constantFrom("api", "db", "prod");
const keys = fc.constantFrom("role", "env", "tag", "roles", "name");
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    words,
    fc.array(tie("value"), { maxLength: 2 }),
    fc.dictionary(keys, tie("value"), { maxKeys: 2, noNullPrototype: true }),
  ),
})).value;
const part: fc.Arbitrary<Part> = fc.record(
  {
    name: fc.constantFrom("normal", "run_list", "automatic"),
    attributes: fc.dictionary(keys, json, { maxKeys: 3, noNullPrototype: true }),
  },
  { noNullPrototype: true },
);
const path = fc.constantFrom<AcceptedPath>(
  ...["normal", "run_list", "automatic", "normal.role", "automatic.roles"].map(parseAcceptedPath),
);

test("in 20,000 cases what is not accepted changes no match, though it would if it counted", () => {
  let would = 0;
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 4 }),
      fc.array(path, { maxLength: 2 }),
      keys,
      words,
      (said, wanted, field, value) => {
        const query = parseQuery(`${field}:${value}`);
        const facts = (all: readonly Part[]) =>
          createFacts({ name: "n1", attributes: { ...noAttributes, inventory: acceptedTree(all, wanted) } });
        const whole = createFacts({
          name: "n1",
          attributes: { ...noAttributes, inventory: wholeTree(said) },
        });
        const heads = new Set(wanted.map((one) => one.split(".")[0]));
        const without = said.filter(({ name }) => heads.has(name));
        assert.equal(matches(query, facts(said)), matches(query, facts(without)));
        if (wanted.length === 0) assert.equal(matches(query, facts(said)), false);
        if (matches(query, whole) !== matches(query, facts(said))) would++;
      },
    ),
    { numRuns: 20_000, seed: 5 },
  );
  assert.ok(would > 500, `only ${would}`);
});
