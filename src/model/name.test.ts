import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { parseKeyName, parseNodeName, printable } from "./name.ts";

const usage = (error: unknown): boolean => isKeywardError(error, "usage");

test("key names are paths whose case is kept", () => {
  for (const text of ["a", "db/orders/password", "DB/Orders", "łódź/żółw", "a.b/c-d_e+f=g", "_x/9"])
    assert.equal(parseKeyName(text), text);
});

test("what could climb, hide, confuse or break a record's key is refused", () => {
  const bad = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    ".hidden",
    "-rf",
    "a@1",
    "a b",
    "a\nb",
    "a\u0000b",
    "a\\b",
    "a:b",
    "a*",
    "A\u030a",
    "x".repeat(513),
    `${"a/".repeat(16)}a`,
    "a\u202eb",
  ];
  for (const text of bad) assert.throws(() => parseKeyName(text), usage, JSON.stringify(text));
});

test("node names are host names or like them", () => {
  for (const text of ["db1", "web-00.example.com", "UPPER.Node_1"]) assert.equal(parseNodeName(text), text);
  for (const text of ["", "-oProxyCommand=x", ".a", "a b", "a;b", "a\n", "é", "x".repeat(254)])
    assert.throws(() => parseNodeName(text), usage);
});

test("a name in a message cannot move the cursor or hide text", () => {
  assert.doesNotMatch(printable("a\u001b[2J\u009b\u202e\n"), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  assert.ok(printable("x".repeat(5000)).length < 100);
});
