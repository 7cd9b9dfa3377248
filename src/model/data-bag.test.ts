import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { parseDataBagItemId, parseDataBagName } from "./data-bag.ts";

const usage = (error: unknown): boolean => isKeywardError(error, "usage");

test("names are letters, digits and a few marks, and cannot leave their folder", () => {
  for (const text of ["keymaster", "a.b-c_d:e", "service123-databagXYZ-production", "9"]) {
    assert.equal(parseDataBagName(text), text);
    assert.equal(parseDataBagItemId(text), text);
  }
  for (const text of [
    "",
    ".",
    "..",
    ".a",
    "-a",
    "a/b",
    "a\\b",
    "a b",
    "a\nb",
    "é",
    "a\u0000",
    "x".repeat(256),
  ]) {
    assert.throws(() => parseDataBagName(text), usage, JSON.stringify(text));
    assert.throws(() => parseDataBagItemId(text), usage, JSON.stringify(text));
  }
});

test("the names of Chef's own indexes are no bag's, and may be an item's", () => {
  for (const text of ["node", "role", "environment", "client"]) {
    assert.throws(() => parseDataBagName(text), usage);
    assert.equal(parseDataBagItemId(text), text);
  }
});
