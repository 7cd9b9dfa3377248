import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { after, test } from "node:test";
import { until } from "../../test/waiting.ts";
import { client, logged, raw, readAll, refusedWith, start, stopAll } from "./listener-for-test.ts";

after(stopAll);

test("a head that is too large, a slow head and plain HTTP end the connection", async () => {
  const { port } = await start();
  const impatient = await start({ headersMs: 400, requestMs: 500 });
  const large = raw(port);
  await once(large, "secureConnect");
  large.write(`GET /v1/status HTTP/1.1\r\nhost: x\r\nx: ${"a".repeat(20_000)}\r\n\r\n`);
  assert.match(await readAll(large), /^HTTP\/1\.1 413 [\s\S]*"too-large"[\s\S]*more than 16384 bytes/);
  const slowHead = raw(impatient.port);
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
  await until("it is gone", () => listener.connections === 0);
});

test("a body that is too large, too slow, of another type or too deep is refused", async () => {
  const { port, address } = await start({ bodyBytes: 1000 });
  const impatient = await start({ bodyBytes: 1000, requestMs: 500, headersMs: 400 });
  const api = client(address, { token: "good" });
  const put = (value: string) => api.call("key.put", { path: { name: "a" }, body: { value } });
  assert.equal((await put("a".repeat(900))).version, 1);
  await assert.rejects(put("a".repeat(1001)), refusedWith("too-large", /more than 1000 bytes/));
  const head = "PUT /v1/values/a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\n";
  const send = async (text: string, to = port): Promise<string> => {
    const socket = raw(to);
    await once(socket, "secureConnect");
    socket.write(text);
    return readAll(socket);
  };
  const json = `${head}content-type: application/json\r\n`;
  const closing = "connection: close\r\n";
  assert.match(await send(`${json}content-length: 10\r\n\r\n{"v`, impatient.port), /^HTTP\/1\.1 4\d\d/);
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
