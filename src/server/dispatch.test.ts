import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type { Api } from "../api/api.ts";
import { type Operation, type OperationName, operations } from "../api/operations.ts";
import type { RequestOf, ResponseOf } from "../api/shapes.ts";
import { KeywardError } from "../base/errors.ts";
import type { NodeName } from "../model/name.ts";
import { type Action, actions, type Principal } from "../model/principal.ts";
import { isAdmitted } from "./gate.ts";
import { isStream } from "./handlers/handler.ts";
import { createLocalApi } from "./local.ts";
import { createTestParts } from "./server-for-test.ts";
import { createService } from "./serving.ts";

const table = Object.entries(operations) as [OperationName, Operation][];
const parts = await createTestParts();
const service = createService(parts);
after(async () => {
  service.close();
  await parts.close();
});

const as = (by: Principal): Api => createLocalApi({ dispatch: service.dispatch, close: async () => {} }, by);
const operator = (...allowed: Action[]): Principal => ({
  kind: "operator",
  name: "alice",
  rules: [{ name: "some", allow: [{ actions: allowed, prefix: "" }] }],
});

/** Call with nothing but names in the path: enough to get past the gate, not to do harm. */
async function outcome(by: Principal, name: OperationName): Promise<string> {
  const members = [...operations[name].path.matchAll(/\{([a-z]+)/g)].map((m) => [m[1], "none"]);
  const request = {
    path: Object.fromEntries(members),
    query: {},
    body: {},
  } as unknown as RequestOf<OperationName>;
  try {
    if (isStream(name)) {
      const stop = AbortSignal.timeout(50);
      for await (const _ of as(by).stream(name, request, stop));
    } else if (name === "server.metrics" || name === "ca.crl") await as(by).text(name);
    else await as(by).call(name, request);
    return "ok";
  } catch (error) {
    return error instanceof KeywardError ? error.code : String(error);
  }
}

test("who is not signed in gets nothing but what is public", async () => {
  for (const [name, { access }] of table) {
    const code = await outcome({ kind: "anonymous" }, name);
    if (access.kind === "public") assert.notEqual(code, "unauthenticated", name);
    else assert.equal(code, "unauthenticated", name);
  }
});

test("what is public is this list, and every addition to it is looked at here", () => {
  const open = table.filter(([, { access }]) => access.kind === "public").map(([name]) => name);
  assert.deepEqual(open, ["server.status", "server.openapi", "ca.show", "ca.crl", "agent.enrol"]);
});

test("an operator without a rule is denied everything that needs one", async () => {
  for (const [name, { access }] of table)
    if (access.kind === "rule" || access.kind === "node")
      assert.equal(await outcome(operator(), name), "denied", name);
});

test("an action admits to its own operations and to no other", () => {
  fc.assert(
    fc.property(fc.constantFrom(...actions), fc.constantFrom(...table), (action, [name, { access }]) => {
      const admitted = isAdmitted(operator(action), access);
      const expected =
        access.kind === "public" ||
        access.kind === "signed-in" ||
        (access.kind === "rule" && access.action === action);
      assert.equal(admitted, expected, `${action} ${name}`);
    }),
  );
});

test("a node is admitted to what is for nodes and what is public, and to nothing else", () => {
  const node: Principal = { kind: "node", name: "db1" as NodeName };
  for (const [name, { access }] of table)
    assert.equal(isAdmitted(node, access), access.kind === "node" || access.kind === "public", name);
});

test("the owner of a local store may do everything but be a node", async () => {
  const root: Principal = { kind: "local", name: "root" };
  for (const [name, { access }] of table)
    assert.equal(isAdmitted(root, access), access.kind !== "node", name);
  const api = as(root);
  const put = { path: { name: "a/b" }, body: { value: "dg==" } };
  assert.deepEqual(await api.call("key.put", put), { name: "a/b", version: 1 });
  assert.equal((await api.call("key.get", { path: { name: "a/b" } })).value, "dg==");
  await assert.rejects(api.call("key.get", { path: { name: "a/b" }, dryRun: true } as RequestOf<"key.get">), {
    code: "usage",
  });
  assert.match(await api.text("server.metrics"), /keyward_unsealed 1/);
});

test("what a shape refuses never reaches a handler, and the message does not repeat it", async () => {
  const secret = "hunter2hunter2";
  const wrong = fc.oneof(
    fc.record({ value: fc.constant(secret), extra: fc.constant(secret) }),
    fc.record({ value: fc.constant({ secret }) }),
    fc.record({ value: fc.constant(secret), expected: fc.constant(secret) }),
    fc.constant([secret]),
    fc.constant(secret),
    fc.constant({}),
  );
  await fc.assert(
    fc.asyncProperty(wrong, async (body) => {
      const request = { path: { name: "a/c" }, body } as unknown as RequestOf<"key.put">;
      const error = await as({ kind: "local", name: "root" })
        .call("key.put", request)
        .then(
          () => null,
          (e: unknown) => e,
        );
      assert.ok(error instanceof KeywardError, "was accepted");
      assert.equal(error.code, "usage");
      assert.equal(`${error.message} ${error.hint ?? ""}`.includes(secret), false);
    }),
  );
});

test("a stream in the same process gives what was written before and after, and ends with its signal", async () => {
  const api = as({ kind: "local", name: "root" });
  const stop = new AbortController();
  const seen: ResponseOf<"audit.tail">[] = [];
  for await (const event of api.stream("audit.tail", { query: { after: "0" } }, stop.signal)) {
    seen.push(event);
    if (event.detail?.follow === true)
      void api.call("key.put", { path: { name: "s" }, body: { value: "dg==" } });
    if (event.resource === "s") stop.abort();
  }
  assert.equal(seen[0]?.seq, 1);
  assert.equal(seen.at(-1)?.resource, "s");
});
