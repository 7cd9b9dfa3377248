import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Api } from "../api/api.ts";
import { createFloodgate } from "../audit/floodgate.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemClock } from "../base/time.ts";
import { createClient } from "../client/client.ts";
import { pinServer, presentedRoot } from "../client/pin.ts";
import { systemRandom } from "../crypto/random.ts";
import { identityOf, readCertificate } from "../formats/x509/x509.ts";
import type { NodeName } from "../model/name.ts";
import type { Principal } from "../model/principal.ts";
import { parseOperatorName } from "../model/rule.ts";
import { createDispatch } from "./dispatch.ts";
import type { Handlers } from "./handlers/handler.ts";
import type { Vouchers } from "./identify.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { createListener, type Listener } from "./listener.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { Sink } from "./sink.ts";
import { createTestCa, type Pair, type TestCa } from "./tls-for-test.ts";

const admin: Principal = {
  kind: "operator",
  name: "alice",
  rules: [{ name: "admin", allow: [{ actions: "*", prefix: "" }] }],
};
const db1 = { kind: "node", name: "db1" as NodeName, generation: 1 } as const;
const revoked = new Set<string>();
const notes: string[] = [];
const sinks: Sink[] = [];
let slow: Promise<void> = Promise.resolve();

/** As many handlers as these tests call; the rest are the business of their own tests. */
const handlers = {
  "server.status": () => ({ Status: "OK" }),
  "access.whoami": (caller: { by: Principal }) => ({ principal: caller.by.kind, rules: [] }),
  "key.put": (_: unknown, input: { path: { name: string } }) => ({ name: input.path.name, version: 1 }),
  "key.get": async () => {
    await slow;
    return { name: "a", version: 1, value: "" };
  },
  "key.show": () => {
    throw new Error("a programming error that names hunter2");
  },
  "ca.show": () => ({
    certificates: [{ pem: ca.pem, fingerprint: ca.fingerprint, notAfter: 0, state: "issuing" }],
  }),
  "ca.crl": () => "crl",
  "agent.bundle": () => ({ revision: 1, entries: [], challenge: "", ca: [] }),
  "agent.watch": (_caller: unknown, _input: unknown, sink: Sink) => {
    sinks.push(sink);
    sink.write('{"revision":1}');
  },
} as unknown as Handlers;

const vouchers: Vouchers = {
  async certificate(der) {
    const identity = identityOf(readCertificate(der).names);
    if (identity === null) throw new KeywardError("unauthenticated", "not ours");
    return {
      principal() {
        if (revoked.has(identity.name)) throw new KeywardError("denied", `${identity.name} is revoked`);
        return identity.kind === "node"
          ? { kind: "node", name: identity.name }
          : { kind: "operator", name: identity.name, rules: admin.rules };
      },
    };
  },
  async token(text) {
    if (text === "good") return admin;
    throw new KeywardError("unauthenticated", "token: not accepted");
  },
};

let ca: TestCa;
let server: Pair;
const open: Listener[] = [];
const clients: Api[] = [];
const logged: string[] = [];

async function start(
  limits: Partial<Limits> = {},
): Promise<{ listener: Listener; port: number; address: string }> {
  const listener = createListener({
    dispatch: createDispatch({
      rootKey: { state: "unsealed" },
      journal: { note: async ({ by, action }) => void notes.push(`${by} ${action}`) },
      handlers,
      floodgate: createFloodgate({ clock: systemClock, perMinute: 3 }),
    }),
    vouchers,
    identity: { chain: server.pem + ca.pem, key: server.key, trusted: [ca.pem] },
    limits: { ...defaultLimits, ...limits },
    log: createLog({ level: "debug", to: { write: (line) => void logged.push(line) } }),
    metrics: createMetrics({ watchers: () => 0, connections: () => 0, unsealed: () => true }),
    clock: systemClock,
    random: systemRandom,
  });
  open.push(listener);
  const { port } = await listener.listen(0, "127.0.0.1");
  return { listener, port, address: `https://127.0.0.1:${port}` };
}

function client(address: string, who: { token?: string; pair?: Pair; trust?: string } = {}): Api {
  const api = createClient({
    address,
    ca: [who.trust ?? ca.pem],
    ...(who.token === undefined ? {} : { token: Secret.fromText(who.token) }),
    ...(who.pair === undefined ? {} : { cert: who.pair.pem, key: who.pair.key }),
    timeoutMs: 10_000,
  });
  clients.push(api);
  return api;
}

function raw(port: number, pair?: Pair): TLSSocket {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    ca: [ca.pem],
    servername: "localhost",
    ...(pair === undefined ? {} : { cert: pair.pem, key: Buffer.from(pair.key.reveal()) }),
  });
  return socket.on("error", () => {});
}

async function readAll(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  // not once(), which would take an error before the close for a failure
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

const refusedWith = (code: KeywardError["code"], message: RegExp) => (error: unknown) => {
  assert.ok(isKeywardError(error, code), String(error));
  assert.match(error.message, message);
  return true;
};

before(async () => {
  ca = await createTestCa();
  server = await ca.server();
});

after(async () => {
  for (const api of clients) await api.close();
  for (const listener of open) await listener.stop(0);
});

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

test("a head that is too large, a slow head and plain HTTP end the connection", async () => {
  const { port } = await start({ headersMs: 400, requestMs: 500 });
  const large = raw(port);
  await once(large, "secureConnect");
  large.write(`GET /v1/status HTTP/1.1\r\nhost: x\r\nx: ${"a".repeat(20_000)}\r\n\r\n`);
  assert.match(await readAll(large), /^HTTP\/1\.1 413 [\s\S]*"too-large"[\s\S]*more than 16384 bytes/);
  const slowHead = raw(port);
  await once(slowHead, "secureConnect");
  slowHead.write("GET /v1/status HTTP/1.1\r\n");
  assert.match(await readAll(slowHead), /^HTTP\/1\.1 4\d\d/);
  const plain = connectTcp(port, "127.0.0.1").on("error", () => {});
  plain.write("GET / HTTP/1.1\r\n\r\n");
  assert.equal((await readAll(plain)).includes("200"), false);
});

test("a connection that never speaks is closed", async () => {
  const { listener, port } = await start({ handshakeMs: 200 });
  const socket = connectTcp(port, "127.0.0.1").on("error", () => {});
  await readAll(socket);
  await sleep(20);
  assert.equal(listener.connections, 0);
});

test("a body that is too large, too slow, of another type or too deep is refused", async () => {
  const { port, address } = await start({ bodyBytes: 1000, requestMs: 500, headersMs: 400 });
  const api = client(address, { token: "good" });
  const put = (value: string) => api.call("key.put", { path: { name: "a" }, body: { value } });
  assert.equal((await put("a".repeat(900))).version, 1);
  await assert.rejects(put("a".repeat(1001)), refusedWith("too-large", /more than 1000 bytes/));
  const head = "PUT /v1/values/a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\n";
  const send = async (text: string): Promise<string> => {
    const socket = raw(port);
    await once(socket, "secureConnect");
    socket.write(text);
    return readAll(socket);
  };
  const json = `${head}content-type: application/json\r\n`;
  const closing = "connection: close\r\n";
  assert.match(await send(`${json}content-length: 10\r\n\r\n{"v`), /^HTTP\/1\.1 4\d\d/);
  assert.match(
    await send(`${json}transfer-encoding: chunked\r\n\r\n7d0\r\n${"a".repeat(2000)}\r\n`),
    / 413 /,
  );
  assert.match(
    await send(`${head}${closing}content-type: text/plain\r\ncontent-length: 2\r\n\r\n{}`),
    / 400 /,
  );
  const deep = `${"[".repeat(30)}${"]".repeat(30)}`;
  assert.match(await send(`${json}${closing}content-length: ${deep.length}\r\n\r\n${deep}`), / 413 /);
  const wrong = '{"value":7,"hunter2":1}';
  const answer = await send(`${json}${closing}content-length: ${wrong.length}\r\n\r\n${wrong}`);
  assert.match(answer, /key\.put: body/);
});

test("who is not signed in may send less", async () => {
  const { address } = await start({ publicBodyBytes: 100 });
  const body = { csr: "a".repeat(200) };
  await assert.rejects(client(address).call("agent.enrol", { body }), refusedWith("too-large", /100 bytes/));
});

test("the log has a line for each request, and neither values, tokens nor headers", async () => {
  const { address, port } = await start();
  logged.length = 0;
  const secret = "c2VjcmV0LXZhbHVl";
  const api = client(address, { token: "good" });
  await api.call("key.put", { path: { name: "db/x" }, body: { value: secret } });
  await assert.rejects(client(address, { token: secret }).call("key.get", { path: { name: "db/x" } }));
  await assert.rejects(api.call("key.put", { path: { name: "db/x" }, body: { value: 1 as never } }));
  await assert.rejects(api.call("key.show", { path: { name: "db/x" } }));
  const socket = raw(port);
  await once(socket, "secureConnect");
  socket.write(
    `GET /v1/values/x?${secret}=${secret} HTTP/1.1\r\nhost: ${secret}\r\nconnection: close\r\n\r\n`,
  );
  await readAll(socket);
  const lines = logged.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines
      .filter(({ status }) => status !== undefined)
      .map(({ operation, by, status, code }) => [operation, by, status, code]),
    [
      ["key.put", "operator:alice", 200, undefined],
      ["key.get", "anonymous", 401, "unauthenticated"],
      ["key.put", "operator:alice", 400, "usage"],
      ["key.show", "operator:alice", 500, "internal"],
      ["key.get", "anonymous", 401, "unauthenticated"],
    ],
  );
  const text = logged.join("");
  for (const never of [secret, "Bearer", "good"]) assert.equal(text.includes(never), false, never);
  assert.equal(text.includes("a programming error"), true, "what failed in the server is told there");
});

test("unknown members of query and body are refused, and dry-run where nothing changes", async () => {
  const { address, port } = await start();
  const ask = async (path: string): Promise<string> => {
    const socket = raw(port);
    await once(socket, "secureConnect");
    socket.write(
      `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\nconnection: close\r\n\r\n`,
    );
    return readAll(socket);
  };
  assert.match(await ask("/v1/status?x=1"), / 400 [\s\S]*takes no query, got \\"x\\"/);
  assert.match(await ask("/v1/values/a?version=1&version=2"), / 400 [\s\S]*given twice/);
  assert.match(await ask("/v1/values/a?version=1&x=2"), / 400 [\s\S]*additional properties/);
  assert.match(await ask("/v1/values/a?dry-run=true"), / 400 [\s\S]*takes no dry-run/);
  assert.match(await ask("/nothing"), / 404 [\s\S]*no such operation/);
  assert.match(await ask("/v1/values/a%2Fb"), / 400 /);
  const api = client(address, { token: "good" });
  const body = { value: "", more: 1 } as { value: string };
  await assert.rejects(api.call("key.put", { path: { name: "a" }, body }), refusedWith("usage", /"more"/));
});

test("an error that is not ours says only which request it was", async () => {
  const { address } = await start();
  await assert.rejects(
    client(address, { token: "good" }).call("key.show", { path: { name: "a" } }),
    refusedWith("internal", /^something failed in the server \(request [0-9a-f]{8}-1\)$/),
  );
});

test("beyond the rate a caller is told to wait; another is not", async () => {
  const { address } = await start({
    perPrincipal: { perSecond: 0, burst: 3 },
    publicPerAddress: { perSecond: 0, burst: 1 },
  });
  const api = client(address, { token: "good" });
  for (let i = 0; i < 3; i++) await api.call("access.whoami", {});
  await assert.rejects(api.call("access.whoami", {}), refusedWith("rate-limited", /too many/));
  await client(address).call("server.status", {});
  await assert.rejects(client(address).call("server.status", {}), refusedWith("rate-limited", /too many/));
});

test("beyond the number of connections a new one is closed; those that are open go on", async () => {
  const { address, port } = await start({ connections: 2 });
  const api = client(address, { token: "good" });
  await api.call("access.whoami", {});
  const second = raw(port);
  await once(second, "secureConnect");
  const third = raw(port);
  await readAll(third);
  await api.call("access.whoami", {});
  second.destroy();
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
  for (let i = 0; !closed && i < 100; i++) await sleep(10);
  assert.equal(closed, true);
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
  slow = new Promise((resolve) => {
    release = resolve;
  });
  const under = api.call("key.get", { path: { name: "a" } });
  await sleep(50);
  const stopped = listener.stop(5000);
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
