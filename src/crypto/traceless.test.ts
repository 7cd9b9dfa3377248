import assert from "node:assert/strict";
import { test } from "node:test";
import { traceless } from "./traceless.ts";

test("errors made inside have no stack, and afterwards they have one again", () => {
  const limit = Error.stackTraceLimit;
  assert.equal(
    traceless(() => new Error("inside").stack),
    "Error: inside",
  );
  assert.equal(Error.stackTraceLimit, limit);
  assert.match(new Error("outside").stack ?? "", /\n {4}at /);
});

test("the limit comes back when making fails", () => {
  const limit = Error.stackTraceLimit;
  assert.throws(() =>
    traceless(() => {
      throw new Error("cannot");
    }),
  );
  assert.equal(Error.stackTraceLimit, limit);
});
