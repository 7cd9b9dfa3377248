import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isKeywardError } from "./errors.ts";
import { canonicalJson, parseJson } from "./json.ts";

test("deep, large and crowded texts are refused before they are understood", () => {
  const limits = { size: 1000, depth: 4, count: 10 };
  for (const text of [
    "[".repeat(5) + "]".repeat(5),
    `"${"x".repeat(1000)}"`,
    `[${"1,".repeat(20)}1]`,
    "[".repeat(900),
  ]) {
    assert.throws(
      () => parseJson(text, "body", limits),
      (error) => isKeywardError(error, "too-large"),
    );
  }
});

test("brackets inside strings do not count as depth", () => {
  assert.equal(
    parseJson(JSON.stringify('[[[[[\\"[['), "body", { size: 100, depth: 1, count: 1 }),
    '[[[[[\\"[[',
  );
});

test("a member named __proto__ is refused", () => {
  assert.throws(
    () => parseJson('{"a":[{"__proto__":{}}]}', "body"),
    (error) => isKeywardError(error, "malformed"),
  );
});

test("an error names the place and does not quote the text", () => {
  assert.throws(
    () => parseJson('{"password":"hunter2"', "body"),
    (error) =>
      isKeywardError(error, "malformed") &&
      !error.message.includes("hunter2") &&
      error.message.includes("body"),
  );
});

test("canonical JSON does not depend on the order of members", () => {
  assert.equal(
    canonicalJson({ b: 1, a: { d: null, c: [1, "x"] }, e: undefined }),
    '{"a":{"c":[1,"x"],"d":null},"b":1}',
  );
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.integer()),
      (value) => canonicalJson(Object.fromEntries(Object.entries(value).reverse())) === canonicalJson(value),
    ),
  );
});
