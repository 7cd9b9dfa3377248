import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ErrorCode, isKeywardError } from "./errors.ts";
import { type ExactJson, parseExactJson } from "./exact-json.ts";
import { formatExactJson, formatExactJsonLines, rubyFloat } from "./exact-json-text.ts";

const again = (text: string): string => formatExactJson(parseExactJson(text, "test"));
const refused = (text: string, code: ErrorCode = "malformed"): void =>
  assert.throws(
    () => parseExactJson(text, "test"),
    (error) => isKeywardError(error, code),
    text.slice(0, 40),
  );

test("integers keep their digits, floats stay floats, members keep their order", () => {
  for (const text of [
    "9007199254740993",
    "123456789012345678901234567890",
    "-17",
    "[1,1.0,1.5e-09,1.0e+21,-0.5,100.0]",
    '{"b":1,"10":2,"a":3,"__proto__":4}',
    '"\\u0000\\b\\f\\n\\r\\t\\u001F / \u007f\u2028 é 🔑"',
    "[]",
    "{}",
    '[[[{"a":[]}]]]',
  ])
    assert.equal(again(text), text);
});

test("an exponent makes a float, of an integer too", () => {
  assert.equal(again("1E3"), "1000.0");
  assert.equal(again("[1e3,0e0,-0,-0.0]"), "[1000.0,0.0,0,-0.0]");
});

test("blanks and comments are taken, and of two members the last one", () => {
  assert.equal(again(' /* a */ { "x" : [ 1 , 2 ] // b\n , "x" : 3 } \n'), '{"x":3}');
  assert.equal(again("\v[\f1\v,2\f]"), "[1,2]");
});

test("escapes are read in full, and a surrogate without its other half is refused", () => {
  assert.equal(parseExactJson('"\\u00e9\\ud83d\\udd11\\/\\b"', "test"), "é🔑/\b");
  for (const text of ['"\\ud83d"', '"\\udd11x"', '"\\x41"', '"\\u12g4"', '"\\']) refused(text);
});

test("what is no JSON is refused", () => {
  for (const text of [
    "",
    " ",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e400",
    "NaN",
    "Infinity",
    "nul",
    "[1,]",
    "[1",
    "{a:1}",
    '{"a"}',
    '{"a":1,}',
    "'a'",
    '"a\nb"',
    '"a',
    "1 x",
    "1 2",
    "\ufeff1",
    "\u00a01",
    "\u2028",
    "/* 1",
    "/*/1",
    "/**1",
    "1/",
    "undefined",
  ])
    refused(text);
});

test("depth, size and count have limits", () => {
  refused("[".repeat(1_000_000), "too-large");
  refused(`[${"1,".repeat(600_000)}1]`, "too-large");
  refused(`"${"a".repeat(8_388_608)}"`, "too-large");
});

test("floats are written as Ruby writes them", () => {
  for (const [value, text] of [
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [-2.5, "-2.5"],
    [0.0001, "0.0001"],
    [0.00001, "1.0e-05"],
    [0.000012345, "1.2345e-05"],
    [1e15, "1000000000000000.0"],
    [123456789012345.6, "123456789012345.6"],
    [1e16, "1.0e+16"],
    [1.5e100, "1.5e+100"],
    [5e-324, "5.0e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
  ] as const)
    assert.equal(rubyFloat(value), text);
});

test("every float is read back as itself", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const read = parseExactJson(rubyFloat(value), "test");
      assert.ok(Object.is(read, value));
    }),
  );
});

test("every JSON value is the same after it was written and read, compact and in lines", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: ExactJson = parseExactJson(text, "test");
      const compact = formatExactJson(value);
      assert.equal(again(compact), compact);
      assert.equal(again(formatExactJsonLines(value)), compact);
      assert.deepEqual(JSON.parse(compact), JSON.parse(text));
    }),
  );
});

test("lines have two blanks a level, and end with a line break", () => {
  assert.equal(
    formatExactJsonLines(parseExactJson('{"a":[1,{}],"b":{"c":null},"d":[]}', "test")),
    '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": {\n    "c": null\n  },\n  "d": []\n}\n',
  );
});
