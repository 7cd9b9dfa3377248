import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import { cookbook, environmentOf, fileOf, isFor, queryOf, readKeymasterItem } from "./keymaster.ts";

interface Vectors {
  readonly environment_match: readonly { environment: string; item: string; taken: boolean }[];
  readonly runs: readonly {
    run: string;
    converge_phase: readonly { resource: string; name: string; attributes: Record<string, unknown> }[];
  }[];
}
const file = path.join(import.meta.dirname, "../../../test/vectors/chef/keymaster.json");
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const malformed = (error: unknown) => isKeywardError(error, "malformed") || assert.fail(String(error));

/** Where we say something else than the cookbook: its pattern matches more than the name. */
const repaired: Readonly<Record<string, string>> = {
  "p.od a-prod": "a dot is a dot",
  "p.od a-pre-prod": "a dot is a dot",
  "p.od a-staging-prod": "a dot is a dot",
  "p.od a-prod\nx": "a dot is a dot",
  "p.od -prod": "a dot is a dot",
  "prod a-prod\nx": "the end of a line is not the end of the name",
  "prod -prod": "nothing stands before the dash",
  "prod a-pre-prod": "it is for pre-prod, which there is",
};

test("an item is for the environment that the cookbook says, but for what is repaired", () => {
  const environments = [...new Set(vectors.environment_match.map(({ environment }) => environment))];
  const seen = new Set<string>();
  for (const { environment, item, taken } of vectors.environment_match) {
    const which = `${environment} ${item}`;
    const ours = isFor(item, environment, environments);
    if (which in repaired) {
      seen.add(which);
      assert.deepEqual([taken, ours], [true, false], which);
    } else assert.equal(ours, taken, which);
  }
  assert.deepEqual([...seen].sort(), Object.keys(repaired).sort());
});

test("the longest environment has it; without a list only the name itself is known", () => {
  assert.equal(environmentOf("svc-non-production", ["production", "non-production"]), "non-production");
  assert.equal(isFor("svc-non-production", "production", ["non-production"]), false);
  assert.equal(isFor("svc-non-production", "production"), true);
  assert.equal(environmentOf("svc", ["production"]), null);
  assert.equal(isFor("x-", ""), false);
});

test("the file is where the cookbook has it, of its owner and mode", () => {
  const files = vectors.runs
    .flatMap((run) => run.converge_phase)
    .filter(({ resource, name }) => resource === "file" && name.endsWith(".key"));
  assert.ok(files.length > 3);
  for (const { name, attributes } of files) {
    const id = path.basename(name, ".key");
    assert.equal(fileOf(id), name.replace("//", "/"));
    assert.deepEqual(
      [attributes.owner, attributes.group, attributes.mode],
      [cookbook.owner, cookbook.group, cookbook.mode.toString(8).padStart(4, "0")],
    );
  }
  assert.equal(fileOf("a-prod", "/srv/keys"), "/srv/keys/a-prod.key");
});

test("a destination is asked among the nodes of the environment", () => {
  assert.equal(queryOf("tags:service123", "production"), "chef_environment:production AND tags:service123");
  assert.equal(
    queryOf("roles:r AND chef_environment:production", "production"),
    "chef_environment:production AND roles:r",
  );
  assert.equal(queryOf("*:*", "prod"), "chef_environment:prod");
  assert.equal(queryOf("chef_environment:prod", "prod"), "chef_environment:prod");
  assert.equal(queryOf("tags:a OR tags:b", "prod"), "chef_environment:prod AND (tags:a OR tags:b)");
  assert.equal(queryOf("NOT tags:a", "prod"), "chef_environment:prod AND NOT tags:a");
  assert.equal(
    queryOf("chef_environment:other AND tags:a", "prod"),
    "chef_environment:prod AND chef_environment:other AND tags:a",
  );
});

test("a destination that Chef's servers read in different ways is refused, with what to write instead", () => {
  for (const destination of [
    "tags:a AND tags:b OR tags:c",
    "a",
    "tags:(a OR b)",
    "",
    "role:a and role:b",
    "x:y~",
  ])
    assert.throws(() => queryOf(destination, "prod"), malformed, destination);
  assert.throws(
    () => queryOf("tags:a AND tags:b OR tags:c", "prod"),
    (error) => isKeywardError(error, "malformed") && error.hint !== undefined,
  );
});

test("an item has a destination and a key, both of them text", () => {
  const item = (members: Record<string, unknown>) => readKeymasterItem("a-prod", (name) => members[name]);
  const { destination, key } = item({ destination: "tags:a", key: "one\ntwo\n" });
  assert.equal(destination, "tags:a");
  assert.deepEqual(Buffer.from(key.reveal()).toString(), "one\ntwo\n");
  for (const members of [
    {},
    { destination: "x" },
    { key: "x" },
    { destination: "", key: "x" },
    { destination: "x", key: 3 },
  ])
    assert.throws(() => item(members), malformed);
});
