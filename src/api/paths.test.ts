import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isKeywardError } from "../base/errors.ts";
import { type Operation, type OperationName, operations } from "./operations.ts";
import { findRoute, formatPath } from "./paths.ts";

const table = Object.entries(operations) as [OperationName, Operation][];

test("every operation is found again at the path that is made for it", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.constantFrom(...table), text, text, ([name, operation], a, b) => {
      const rest = operation.path.includes("...");
      const one = a.replaceAll("/", "_");
      const value = rest ? `${one}/${b.replaceAll("/", "_")}` : one;
      const members = Object.fromEntries(
        [...operation.path.matchAll(/\{([a-z]+)/g)].map((found) => [found[1] ?? "", value]),
      );
      const route = findRoute(operation.method, formatPath(name, members));
      assert.equal(route?.name, name);
      assert.deepEqual({ ...route?.path }, members);
    }),
  );
});

test("a path that is not in the table finds nothing", () => {
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", "/v1"],
    ["GET", "/v1/keys/"],
    ["POST", "/v1/keys"],
    ["GET", "/v1/nodes/a/b"],
    ["GET", "/v1/statusx"],
    ["GET", "//v1/status"],
    ["GET", "/v1/status/"],
    ["get", "/v1/status"],
    ["GET", "http://elsewhere/v1/status"],
    ["GET", `/v1/keys/${"a".repeat(5000)}`],
  ] as const) {
    let found: unknown = null;
    try {
      found = findRoute(method, path);
    } catch (error) {
      assert.ok(isKeywardError(error, "malformed"));
    }
    assert.equal(found, null, `${method} ${path.slice(0, 40)}`);
  }
});

test("an encoded slash, a broken escape and an empty segment are refused", () => {
  for (const path of ["/v1/keys/a%2Fb", "/v1/keys/%zz", "/v1/keys/a//b", "/v1/keys/%ff"]) {
    assert.throws(
      () => findRoute("GET", path),
      (e) => isKeywardError(e, "malformed"),
    );
  }
});

test("a missing path member is named", () => {
  assert.throws(() => formatPath("key.show", {}), /key\.show: name is missing/);
});
