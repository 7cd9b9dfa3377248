import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { until } from "../../test/waiting.ts";
import { isKeywardError } from "../base/errors.ts";
import { pinServer, presentedRoot } from "../client/pin.ts";
import type { NodeName } from "../model/name.ts";
import { parseOperatorName } from "../model/rule.ts";
import {
  ca,
  client,
  db1,
  notes,
  raw,
  readAll,
  refusedWith,
  revoked,
  sinks,
  slow,
  start,
  stopAll,
} from "./listener-for-test.ts";
import { createTestCa, type Pair } from "./tls-for-test.ts";

after(stopAll);

test("a token, a node's certificate and an operator's certificate each name their caller", async () => {
  const { address } = await start();
  const who = async (of: Parameters<typeof client>[1]) =>
    (await client(address, of).call("access.whoami", {})).principal;
  assert.equal(await who({ token: "good" }), "operator");
  const alice = { kind: "operator", name: parseOperatorName("alice") } as const;
  assert.equal(await who({ pair: await ca.client(alice) }), "operator");
  const node = client(address, { pair: await ca.client(db1) });
  assert.equal((await node.call("agent.bundle", { body: { held: [] } })).revision, 1);
  assert.equal((await client(address).call("server.status", {})).Status, "OK");
});

test("who is not signed in is refused, with an event for the first few", async () => {
  const { address } = await start();
  notes.length = 0;
  for (let i = 0; i < 5; i++) {
    await assert.rejects(
      client(address).call("key.get", { path: { name: "db/x" } }),
      refusedWith("unauthenticated", /needs a token/),
    );
  }
  assert.deepEqual(notes, Array(3).fill("anonymous key:read"));
  await assert.rejects(
    client(address, { token: "bad" }).call("key.get", { path: { name: "a" } }),
    refusedWith("unauthenticated", /not accepted/),
  );
});

test("certificates of strangers, expired ones and those for servers are refused with the reason", async () => {
  const { address } = await start();
  const other = await createTestCa();
  const cases: [Pair, RegExp][] = [
    [await other.client(db1), /not from a CA that this server trusts/],
    [await ca.expired(db1), /has expired/],
    [await ca.otherPurpose(db1), /certificate is not/],
  ];
  for (const [pair, reason] of cases) {
    // not even what is public is answered to a certificate that does not hold
    for (const call of ["server.status", "ca.show"] as const)
      await assert.rejects(client(address, { pair }).call(call, {}), refusedWith("unauthenticated", reason));
  }
});

test("a node that is revoked is refused on the connection that it has, and its connections end", async () => {
  const { listener, address, port } = await start();
  const pair = await ca.client({ ...db1, name: "db2" as NodeName });
  const node = client(address, { pair });
  await node.call("agent.bundle", { body: { held: [] } });
  const idle = raw(port, pair);
  await once(idle, "secureConnect");
  idle.write("GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n");
  await once(idle, "data");
  revoked.add("db2");
  listener.dropNode("db2" as NodeName);
  await assert.rejects(
    node.call("agent.bundle", { body: { held: [] } }),
    refusedWith("denied", /db2 is revoked/),
  );
  await once(idle.resume(), "close");
});

test("TLS 1.2 is refused", async () => {
  const { port } = await start();
  const socket = connectTls({ port, host: "127.0.0.1", maxVersion: "TLSv1.2", rejectUnauthorized: false });
  const [error] = await once(socket, "error");
  assert.match(String(error), /protocol|alert/i);
});

test("a session is not resumed: each connection shows its certificate anew", async () => {
  const { port } = await start();
  const first = raw(port, await ca.client(db1));
  const sessions: Buffer[] = [];
  first.on("session", (session: Buffer) => void sessions.push(session));
  await once(first, "secureConnect");
  first.write("GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  await readAll(first);
  for (const session of sessions) {
    const again = connectTls({ port, host: "127.0.0.1", ca: [ca.pem], servername: "localhost", session });
    await once(again, "secureConnect");
    assert.equal(again.isSessionReused(), false);
    again.destroy();
  }
});

test("a stream's lines come as they are written, and a reader that goes is noticed", async () => {
  const { address } = await start();
  const api = client(address, { pair: await ca.client(db1) });
  const stop = new AbortController();
  sinks.length = 0;
  const lines: unknown[] = [];
  let closed = false;
  for await (const line of api.stream("agent.watch", { body: { held: [] } }, stop.signal)) {
    lines.push(line);
    const [sink] = sinks;
    if (lines.length === 1) {
      sink?.attach({
        drained() {},
        closed() {
          closed = true;
        },
      });
      sink?.write("");
      sink?.write('{"revision":2}');
    } else stop.abort();
  }
  assert.deepEqual(lines, [{ revision: 1 }, { revision: 2 }]);
  await until("it is closed", () => closed);
});

test("first contact pins the root by its fingerprint, and refuses another", async () => {
  const { address } = await start();
  assert.equal((await presentedRoot(address)).fingerprint, ca.fingerprint);
  const [pem] = await pinServer(address, ca.fingerprint);
  assert.equal((await client(address, { trust: pem ?? "" }).call("server.status", {})).Status, "OK");
  await assert.rejects(pinServer(address, "0".repeat(64)), refusedWith("integrity", /presents another CA/));
});

test("a client says what is wrong: another CA, nobody there, no such host, a name that is not there", async () => {
  const { address, port, listener } = await start();
  const other = await createTestCa();
  await assert.rejects(
    client(address, { trust: other.pem }).call("server.status", {}),
    refusedWith("unreachable", /not signed by the CA/),
  );
  await assert.rejects(
    client(`https://127.0.0.2:${port}`).call("server.status", {}),
    refusedWith("unreachable", /127\.0\.0\.2/),
  );
  await listener.stop(0);
  await assert.rejects(
    client(address).call("server.status", {}),
    refusedWith("unreachable", /connection refused/),
  );
});

test("stop lets a request under way finish, and takes no new one", async () => {
  const { listener, address } = await start();
  const api = client(address, { token: "good" });
  let release = (): void => {};
  slow.until = new Promise((resolve) => {
    release = resolve;
  });
  const under = api.call("key.get", { path: { name: "a" } });
  await until("it is under way", () => slow.waiting === 1);
  const stopped = listener.stop(60_000);
  await assert.rejects(client(address).call("server.status", {}), refusedWith("unreachable", /refused/));
  release();
  assert.equal((await under).name, "a");
  await stopped;
});

test("stop does not wait longer than its grace for what does not end", async () => {
  const { listener, address } = await start();
  const api = client(address, { pair: await ca.client(db1) });
  const ended = (async () => {
    for await (const _ of api.stream("agent.watch", { body: { held: [] } }, new AbortController().signal));
  })().catch((error: unknown) => error);
  await sleep(100);
  await listener.stop(100);
  assert.ok(isKeywardError(await ended, "unreachable"));
});

test("a new identity counts for connections from then on", async () => {
  const { listener, address } = await start();
  const other = await createTestCa();
  const pair = await other.server();
  const kept = client(address, { token: "good" });
  await kept.call("access.whoami", {});
  listener.setIdentity({ chain: pair.pem + other.pem, key: pair.key, trusted: [other.pem, ca.pem] });
  await kept.call("access.whoami", {});
  assert.equal((await client(address, { trust: other.pem }).call("server.status", {})).Status, "OK");
  await assert.rejects(client(address).call("server.status", {}), refusedWith("unreachable", /not signed/));
});
