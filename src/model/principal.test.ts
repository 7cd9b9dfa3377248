import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeName } from "./name.ts";
import { type Allow, actions, type Principal, permits } from "./principal.ts";

const operator = (...allow: Allow[]): Principal => ({
  kind: "operator",
  name: "alice",
  rules: [{ name: "r", allow }],
});

test("an operator without rules may do nothing", () => {
  for (const action of actions) assert.equal(permits(operator(), action, "x"), false);
});

test("a prefix that ends in a slash covers what is below it and not its neighbours", () => {
  const alice = operator({ actions: ["key:read"], prefix: "db/" });
  assert.ok(permits(alice, "key:read", "db/orders"));
  assert.ok(!permits(alice, "key:read", "dbadmin/x"));
  assert.ok(!permits(alice, "key:read", "db"));
  assert.ok(!permits(alice, "key:write", "db/orders"));
});

test("a prefix without a slash covers exactly one name", () => {
  const alice = operator({ actions: ["key:read"], prefix: "db/x" });
  assert.ok(permits(alice, "key:read", "db/x"));
  assert.ok(!permits(alice, "key:read", "db/xy"));
  assert.ok(!permits(alice, "key:read", "db/x/y"));
});

test("a star gives no operator what only nodes and the program do", () => {
  const admin = operator({ actions: "*", prefix: "" });
  assert.ok(permits(admin, "seal:write", ""));
  for (const action of [
    "node:watch",
    "node:deliver",
    "node:report",
    "node:renew",
    "server:start",
    "access:login",
  ] as const) {
    assert.ok(!permits(admin, action, "db1"), action);
  }
});

test("a node acts for itself only, and only as a node", () => {
  const db1: Principal = { kind: "node", name: "db1" as NodeName };
  assert.ok(permits(db1, "node:report", "db1"));
  assert.ok(!permits(db1, "node:report", "db2"));
  for (const action of actions) assert.ok(!permits(db1, action, "db1"), action);
});

test("whoever is not known may only introduce itself", () => {
  for (const action of actions) assert.ok(!permits({ kind: "anonymous" }, action, ""));
});
