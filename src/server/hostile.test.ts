/** What strangers and callers that have just lost their rights try, against the whole server. */
import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { until } from "../../test/waiting.ts";
import { isKeywardError, type KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs } from "../base/time.ts";
import { createClient } from "../client/client.ts";
import { makeCsr, me, startTestServer } from "./server-for-test.ts";

const main = await startTestServer();
after(() => main.stop());

const refused = (code: KeywardError["code"], message?: RegExp) => (error: unknown) => {
  assert.ok(isKeywardError(error, code), String(error));
  if (message !== undefined) assert.match(error.message, message);
  return true;
};

function nested(levels: number): { [name: string]: unknown } {
  let value: { [name: string]: unknown } = { a: "x" };
  for (let i = 1; i < levels; i++) value = { a: value };
  return value;
}

test("whatever a stranger says of itself, the server can read what it wrote down", async () => {
  const { csr } = makeCsr("deep");
  for (const levels of [13, 14, 15, 16, 40]) {
    const body = { csr, name: `deep${levels}`, facts: nested(levels) };
    await main
      .client()
      .call("agent.enrol", { body })
      .catch((error: unknown) => assert.ok(isKeywardError(error, "too-large"), String(error)));
  }
  const long = { csr, name: "long", facts: { ["x".repeat(1025)]: 1 } };
  await assert.rejects(main.client().call("agent.enrol", { body: long }), refused("too-large"));
  const admin = await main.operator("admin");
  const { nodes } = await admin.call("node.list", { query: {} });
  assert.ok(nodes.some(({ name }) => name === "deep15"));
});

test("attributes and rules that are too deep or too many are refused, and the server reads on", async () => {
  const admin = await main.operator("admin");
  await admin.call("node.add", { body: { name: "wide" } });
  const attributes = { "b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q": nested(13) };
  await admin.call("node.set", { path: { name: "wide" }, body: { attributes } });
  const { node } = await admin.call("node.show", { path: { name: "wide" } });
  assert.deepEqual(Object.keys(node.attributes.set), ["b"]);
  const actions = Array.from({ length: 1000 }, () => "key:read" as const);
  const put = admin.call("rule.put", { path: { name: "many" }, body: { allow: [{ actions, prefix: "" }] } });
  await assert.rejects(put, refused("usage"));
});

/** A request whose body waits until `go`. @returns The answer's first line. */
async function slowPut(token: string, go: () => Promise<unknown>): Promise<string> {
  const body = JSON.stringify({ value: "eA==" });
  const socket = connect({ port: main.server.port, host: "127.0.0.1", ca: [...main.ca] });
  const answer = new Promise<string>((resolve, reject) => {
    socket.once("data", (data) => resolve(String(data).split("\r\n", 1)[0] ?? "")).once("error", reject);
  });
  const head = [
    "PUT /v1/values/slow HTTP/1.1",
    "host: localhost",
    `authorization: Bearer ${token}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body.slice(0, 4)}`);
  await sleep(200);
  await go();
  socket.write(body.slice(4));
  try {
    return await answer;
  } finally {
    socket.destroy();
  }
}

test("who is revoked while the body of the request is under way is not heard", async () => {
  const create = () =>
    main.parts.access.createToken(me, { name: "bob", rules: ["admin"], ttl: 3_600_000 as DurationMs });
  const good = await create();
  assert.match(await slowPut(good.token, async () => {}), / 200 /);
  const revoked = await create();
  const answer = await slowPut(revoked.token, () => main.parts.access.revokeToken(me, revoked.info.id));
  assert.match(answer, / 401 /);
});

test("a certificate that was signed for the server's host does not make a server of who has it", async (t) => {
  await main.parts.access.putRule(me, "web", [{ actions: ["cert:sign"], prefix: "dns/localhost" }]);
  const { csr, key } = makeCsr("localhost");
  const { pem } = await (await main.operator("web")).call("cert.sign", { body: { csr } });
  const heard: unknown[] = [];
  const chain = [pem, ...main.ca].join("");
  const other = createServer({ cert: chain, key: Buffer.from(key.reveal()) }, (request, response) => {
    heard.push(request.headers.authorization);
    response.end("{}");
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    other.close();
    other.closeAllConnections();
  });
  const address = `https://localhost:${(other.address() as AddressInfo).port}`;
  const api = createClient({ address, ca: main.ca, token: Secret.fromText("kwt_a_b") });
  await assert.rejects(api.call("access.whoami", {}), refused("unreachable", /not that of a Keyward server/));
  await api.close();
  assert.deepEqual(heard, []);
});

test("a node that asks without end, or is denied without end, is told to wait, and the log does not grow", async (t) => {
  const one = { perSecond: 0, burst: 3 };
  const small = await startTestServer({ options: { limits: { perNode: one, deniedPerPrincipal: one } } });
  t.after(() => small.stop());
  const node = await small.enrol("web1");
  const outcomes: string[] = [];
  for (let i = 0; i < 5; i++)
    outcomes.push(
      await node.api.call("agent.bundle", { body: { held: [] } }).then(
        () => "ok",
        (error: KeywardError) => error.code,
      ),
    );
  assert.deepEqual(outcomes, ["ok", "ok", "ok", "rate-limited", "rate-limited"]);
  await small.parts.access.putRule(me, "few", [{ actions: ["key:read"], prefix: "a" }]);
  const curious = await small.operator("few");
  for (let i = 0; i < 3; i++)
    await assert.rejects(curious.call("key.get", { path: { name: "b" } }), refused("denied"));
  for (let i = 0; i < 3; i++)
    await assert.rejects(
      curious.call("key.get", { path: { name: "b" } }),
      refused("rate-limited", /denials/),
    );
  const events = await small.parts.journal.list({ after: 0, limit: 1000, by: "alice" });
  assert.equal(events.filter(({ outcome }) => outcome === "denied").length, 3);
});

test("who follows the log and is revoked is cut off at once, not at the next heartbeat", async () => {
  const ttl = 3_600_000 as DurationMs;
  const { token, info } = await main.parts.access.createToken(me, { name: "eve", rules: ["audit"], ttl });
  const seen: string[] = [];
  const following = (async () => {
    const tail = main
      .client({ token })
      .stream("audit.tail", { query: { after: "0" } }, new AbortController().signal);
    for await (const event of tail) seen.push(event.action);
  })();
  await main.parts.fleet.nodes.add(me, { name: "before" });
  await until("it follows", () => seen.includes("node:write"));
  await main.parts.access.revokeToken(me, info.id);
  const late = sleep(5000, "late", { ref: false });
  assert.equal(await Promise.race([following, late]), undefined);
  assert.ok(seen.includes("access:write"));
});

test("who follows the log holds up no stop", async () => {
  const small = await startTestServer({ options: { graceMs: 20_000 } });
  const api = await small.operator("audit");
  const seen: string[] = [];
  const following = (async () => {
    const tail = api.stream("audit.tail", { query: { after: "0" } }, new AbortController().signal);
    for await (const event of tail) seen.push(event.action);
  })();
  await until("it follows", () => seen.length > 0);
  const late = sleep(8000, "late", { ref: false });
  assert.notEqual(await Promise.race([small.server.stop(), late]), "late");
  await following;
  await small.stop();
});

test("when a CA loses its trust, the connections that it vouched for end", async (t) => {
  const small = await startTestServer();
  t.after(() => small.stop());
  const node = await small.enrol("web1");
  const bundle = () => node.api.call("agent.bundle", { body: { held: [] } });
  await bundle();
  await small.parts.authority.rotate(me, { overlap: 60_000 as DurationMs });
  await sleep(300);
  await bundle();
  await small.parts.authority.rotate(me, { overlap: 0 as DurationMs });
  const ended = async () => {
    for (let i = 0; i < 3000; i++) {
      await bundle();
      await sleep(20);
    }
  };
  await assert.rejects(ended(), refused("unreachable"));
});

test("who is not signed in sends no more than it takes to enrol", async () => {
  const { csr } = makeCsr("large");
  const enrol = (size: number) =>
    main.client().call("agent.enrol", { body: { csr, name: "large", facts: { a: "x".repeat(size) } } });
  await enrol(65_000);
  await assert.rejects(enrol(300_000), refused("too-large", /request body: more than 262144 bytes/));
});
