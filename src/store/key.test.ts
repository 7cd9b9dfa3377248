import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { boundsOf, compareKeys, prefixEnd } from "./key.ts";

const text = fc.string({ unit: "binary", maxLength: 6 });
const inUtf8 = (a: string, b: string): number => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));

test("keys compare as their UTF-8 bytes do", () => {
  fc.assert(fc.property(text, text, (a, b) => assert.equal(Math.sign(compareKeys(a, b)), inUtf8(a, b))));
  assert.ok(compareKeys("\uffff", "😀") < 0);
  assert.ok("\uffff" > "😀");
});

test("the end of a prefix comes after all that begins with it, and before all else that is greater", () => {
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const end = prefixEnd(prefix);
      const within = compareKeys(other, prefix) >= 0 && (end === null || compareKeys(other, end) < 0);
      assert.equal(within, other.startsWith(prefix));
    }),
  );
  assert.equal(prefixEnd("a/"), "a0");
  assert.equal(prefixEnd("a\ud7ff"), "a\ue000");
  assert.equal(prefixEnd("a\u{10ffff}"), "b");
  assert.equal(prefixEnd("\u{10ffff}"), null);
  assert.equal(prefixEnd(""), null);
});

test("a limit that is no whole number is refused", () => {
  for (const limit of [-1, 1.5, Number.NaN]) assert.throws(() => boundsOf({ prefix: "", limit }), /limit/);
});
