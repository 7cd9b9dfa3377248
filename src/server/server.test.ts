import assert from "node:assert/strict";
import { after, test } from "node:test";
import { until } from "../../test/waiting.ts";
import { file, refused, report, value, watch } from "./node-for-test.ts";
import { makeCsr, startTestServer } from "./server-for-test.ts";

const main = await startTestServer({ options: { heartbeatMs: 1000 } });
const admin = await main.operator("admin");
after(() => main.stop());

test("a key goes from put to the node that its grant selects, is replaced, and is withdrawn", async () => {
  const node = await main.enrol("web1", { role: "web" });
  await admin.call("key.put", { path: { name: "web/cert" }, body: { value: value("one") } });
  const watched = watch(node);
  assert.deepEqual((await watched.next(1)).entries, []);
  const { grant, effect } = await admin.call("grant.add", {
    body: { key: "web/cert", query: "role:web", delivery: file("web.key") },
  });
  assert.deepEqual(
    effect.map(({ change, node: name }) => `${change} ${name}`),
    ["gain web1"],
  );
  const [first] = (await watched.next(2)).entries;
  assert.equal(first?.value, value("one"));
  await admin.call("key.put", { path: { name: "web/cert" }, body: { value: value("two") } });
  const second = await watched.next(3);
  assert.equal(second.entries[0]?.value, value("two"));
  assert.deepEqual((await report(node, second)).accepted, [{ key: "web/cert", version: 2 }]);
  const { holds, node: shown } = await admin.call("node.show", { path: { name: "web1" } });
  assert.equal(shown.connected, true);
  assert.ok(holds[0]?.proved);
  const history = await admin.call("key.history", { path: { name: "web/cert" } });
  assert.equal(history.deliveries[0]?.node, "web1");
  await admin.call("node.set", { path: { name: "web1" }, body: { attributes: { role: "db" } } });
  assert.deepEqual((await watched.next(4)).entries, []);
  await admin.call("grant.remove", { path: { id: grant.id } });
  watched.stop();
});

test("a node can do nothing but what is for nodes, and only for itself", async () => {
  const { api } = await main.enrol("limited");
  await assert.rejects(api.call("key.list", {}), refused("denied", /node:limited/));
  await assert.rejects(api.call("node.show", { path: { name: "limited" } }), refused("denied"));
  await assert.rejects(api.call("access.whoami", {}), refused("denied"));
  await assert.rejects(admin.call("agent.bundle", { body: { held: [] } }), refused("denied", /node:deliver/));
});

test("an old generation presented again freezes the node", async () => {
  const node = await main.enrol("cloned");
  await node.api.call("agent.bundle", { body: { held: [] } });
  const { csr, key } = makeCsr("cloned");
  const { certificate } = await node.api.call("agent.renew", { body: { csr } });
  const renewed = main.client({ cert: certificate, key });
  await renewed.call("agent.bundle", { body: { held: [] } });
  const copy = main.client({ cert: node.cert, key: node.key });
  await assert.rejects(copy.call("agent.bundle", { body: { held: [] } }), refused("denied", /frozen/));
  await assert.rejects(renewed.call("agent.bundle", { body: { held: [] } }), refused("denied", /frozen/));
});

test("a node without a token waits until its key is approved", async () => {
  const { csr, key } = makeCsr("waiting");
  const asked = await main.client().call("agent.enrol", { body: { csr } });
  assert.equal(asked.kind, "pending");
  const fingerprint = asked.kind === "pending" ? asked.fingerprint : "";
  const approve = { path: { name: "waiting" }, body: { fingerprint } };
  const rehearsed = await admin.call("node.approve", { ...approve, dryRun: true });
  assert.equal(rehearsed.node.state, "active");
  assert.equal((await main.client().call("agent.enrol", { body: { csr } })).kind, "pending");
  await admin.call("node.approve", approve);
  const answer = await main.client().call("agent.enrol", { body: { csr } });
  assert.equal(answer.kind, "issued");
  const cert = answer.kind === "issued" ? answer.certificate : "";
  await main.client({ cert, key }).call("agent.bundle", { body: { held: [] } });
});

test("an operator's certificate signs in under its rules until it is revoked", async () => {
  const { csr, key } = makeCsr("bob");
  const { pem, info } = await admin.call("cert.sign", {
    body: { csr, operator: { name: "bob", rules: ["admin"] } },
  });
  const bob = main.client({ cert: pem, key });
  assert.equal((await bob.call("access.whoami", {})).principal, "operator:bob");
  await admin.call("cert.revoke", { path: { serial: info.serial } });
  await assert.rejects(bob.call("access.whoami", {}), refused("denied", /revoked/));
  assert.match(await main.client().text("ca.crl"), /BEGIN X509 CRL/);
});

test("rules hold: another prefix is denied by the act, another action by the gate", async () => {
  await admin.call("rule.put", {
    path: { name: "db-reader" },
    body: { allow: [{ actions: ["key:read"], prefix: "db/" }] },
  });
  await admin.call("key.put", { path: { name: "db/p" }, body: { value: value("p") } });
  const reader = await main.operator("db-reader");
  assert.equal((await reader.call("key.get", { path: { name: "db/p" } })).value, value("p"));
  await assert.rejects(reader.call("key.get", { path: { name: "web/cert" } }), refused("denied", /key:read/));
  await assert.rejects(
    reader.call("key.put", { path: { name: "db/p" }, body: { value: value("q") } }),
    refused("denied", /key:write/),
  );
  const { events } = await admin.call("audit.list", { query: { by: "operator:alice", limit: "1000" } });
  const denied = events.filter(({ outcome }) => outcome === "denied").map((e) => `${e.action} ${e.resource}`);
  assert.deepEqual(denied.slice(-2), ["key:read web/cert", "key:write db/p"]);
});

test("a value is read as one JSON string where it is text, by the same rule", async () => {
  await admin.call("rule.put", {
    path: { name: "text-reader" },
    body: { allow: [{ actions: ["key:read"], prefix: "text/" }] },
  });
  await admin.call("key.put", { path: { name: "text/a" }, body: { value: value('ł"\n') } });
  await admin.call("key.put", { path: { name: "text/raw" }, body: { value: "/w==" } });
  const reader = await main.operator("text-reader");
  assert.equal(await reader.call("key.text", { path: { name: "text/a" }, query: { version: "1" } }), 'ł"\n');
  await assert.rejects(
    reader.call("key.text", { path: { name: "text/raw" } }),
    refused("malformed", /UTF-8/),
  );
  await assert.rejects(reader.call("key.text", { path: { name: "db/p" } }), refused("denied", /key:read/));
});

test("a dry run answers as if it were done, and changes nothing", async () => {
  const before = await admin.call("key.list", { query: { prefix: "dry/" } });
  const put = { path: { name: "dry/one" }, body: { value: value("v") } };
  assert.equal((await admin.call("key.put", { ...put, dryRun: true })).version, 1);
  assert.deepEqual(await admin.call("key.list", { query: { prefix: "dry/" } }), before);
});

test("status, metrics and the API's description are there", async () => {
  const status = await main.client().call("server.status", {});
  assert.equal(status.Status, "OK");
  assert.equal(status.state, "unsealed");
  assert.match(
    await admin.text("server.metrics"),
    /keyward_request_seconds_count\{operation="key.put",status="200"\}/,
  );
  assert.equal(((await main.client().call("server.openapi", {})) as { openapi: string }).openapi, "3.1.0");
});

test("when every recipient has proved a staged rotation, the new version becomes primary by itself", async () => {
  const node = await main.enrol("rot1", { role: "rot" });
  const recipe = { kind: "random", bytes: 16, encoding: "hex" } as const;
  await admin.call("key.generate", { path: { name: "rot/key" }, body: { recipe } });
  await admin.call("grant.add", { body: { key: "rot/key", query: "role:rot", delivery: file("rot.key") } });
  const watched = watch(node);
  await watched.next(1);
  const rotated = await admin.call("key.rotate", { path: { name: "rot/key" }, body: { staged: true } });
  assert.equal(rotated.state, "pending");
  const bundle = await watched.next(2);
  assert.equal((await report(node, bundle)).accepted.length, 1);
  await until("it is promoted", async () => {
    const { versions } = await admin.call("key.show", { path: { name: "rot/key" } });
    return versions[1]?.state.kind === "primary";
  });
  watched.stop();
});
