import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { formatMode, parseInstallPath, parseMode } from "./grant.ts";

const usage = (error: unknown): boolean => isKeywardError(error, "usage");

test("install paths are absolute, or lie below the agent's directory", () => {
  for (const text of ["/run/app/db.key", "db.key", "orders/db.key", "/a"])
    assert.equal(parseInstallPath(text), text);
  for (const text of [
    "",
    "/",
    "a/",
    "../x",
    "a/../b",
    "/run//x",
    "./x",
    "a\u0000b",
    "a\nb",
    "x".repeat(1025),
  ])
    assert.throws(() => parseInstallPath(text), usage, JSON.stringify(text));
});

test("modes are permission bits and nothing more", () => {
  assert.equal(parseMode("0400"), 0o400);
  assert.equal(parseMode("640"), 0o640);
  assert.equal(formatMode(0o40), "0040");
  for (const text of ["", "4755", "04755", "999", "0o400", "rw", "64"])
    assert.throws(() => parseMode(text), usage, text);
});
