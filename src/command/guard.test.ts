import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoDoors } from "./guard.ts";

test("variables that open the executable's runtime are refused, by name", () => {
  for (const name of ["BUN_INSPECT", "BUN_OPTIONS", "BUN_BE_BUN"])
    assert.throws(() => assertNoDoors({ [name]: "x" }), new RegExp(`${name} is set`));
  assertNoDoors({ BUN_INSPECT: "", HOME: "/" });
});
