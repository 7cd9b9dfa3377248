import assert from "node:assert/strict";
import { test } from "node:test";
import { validate } from "./validate.ts";

const refusalOf = (recipe: object): string => {
  try {
    validate("key.generate", "body", { recipe });
    return "none";
  } catch (error) {
    return (error as Error).message.replace(/^key\.generate: body /, "");
  }
};

test("of several shapes, what is wrong is said of the one that was meant", () => {
  assert.equal(refusalOf({ kind: "random", bytes: 32, encoding: "hex" }), "none");
  assert.equal(
    refusalOf({ kind: "random", bytes: 100_000, encoding: "hex" }),
    '"recipe.bytes" must be <= 65536',
  );
  assert.equal(
    refusalOf({ kind: "password", length: 9999, classes: ["lower"] }),
    '"recipe.length" must be <= 1024',
  );
  assert.equal(refusalOf({ kind: "ssh" }), '"recipe" must have required properties type');
  assert.equal(
    refusalOf({ kind: "disk", hunter: 2 }),
    '"recipe" must not have additional properties: "hunter"',
  );
});

test("a kind that there is not is refused at its place, without its value", () => {
  assert.match(refusalOf({ kind: "hunter2" }), /^"recipe\.kind" must be equal to constant$/);
});
