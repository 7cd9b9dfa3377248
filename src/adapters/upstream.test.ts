import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { createTestCa } from "../server/tls-for-test.ts";
import { createUpstream, parseUpstreamUrl, type Question } from "./upstream.ts";

const question: Question = { method: "GET", path: "/a?b=c", limit: 1000 };

async function withServer(server: Server, work: (port: number) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  try {
    await work((server.address() as AddressInfo).port);
  } finally {
    (server as ReturnType<typeof createServer>).closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const echo: RequestListener = (request, response) => {
  request.resume();
  response.end(JSON.stringify([request.method, request.url, request.headers]));
};

async function asked(
  url: string,
  ca?: readonly string[],
): Promise<[string, string, IncomingMessage["headers"]]> {
  const upstream = createUpstream({ what: "it", url: new URL(url), ...(ca === undefined ? {} : { ca }) });
  try {
    return JSON.parse(Buffer.from(await upstream.ask(question)).toString());
  } finally {
    upstream.close();
  }
}

test("it asks for what it should with nothing of its own in the head but host and connection", () =>
  withServer(createServer(echo), async (port) => {
    const [method, path, headers] = await asked(`http://127.0.0.1:${port}`);
    assert.deepEqual([method, path], ["GET", "/a?b=c"]);
    assert.deepEqual(Object.keys(headers).sort(), ["connection", "host"]);
    assert.equal((await asked(`http://127.0.0.1:${port}/base/`))[1], "/base/a?b=c");
  }));

test("user and password of the address become basic authentication, and are in no error", () =>
  withServer(createServer(echo), async (port) => {
    const [, , headers] = await asked(`http://user:p%40ss@127.0.0.1:${port}`);
    assert.equal(headers.authorization, `Basic ${Buffer.from("user:p@ss").toString("base64")}`);
    const away = createUpstream({ what: "it", url: new URL("http://user:hush@127.0.0.1:1") });
    await assert.rejects(
      away.ask(question),
      (error) => isKeywardError(error, "unreachable") && !/hush/.test(error.message),
    );
    assert.throws(
      () => parseUpstreamUrl("ftp://user:hush@x", "it"),
      (error) => !/hush/.test(String(error)),
    );
  }));

test("over TLS it trusts what it is told to, under the name that it asked for, and nobody else", async () => {
  const ca = await createTestCa();
  const { pem, key } = await ca.otherServer();
  const server = createTlsServer({ cert: pem, key: Buffer.from(key.reveal()) }, echo);
  await withServer(server, async (port) => {
    assert.equal((await asked(`https://127.0.0.1:${port}`, [ca.pem]))[0], "GET");
    const other = await createTestCa();
    for (const trusted of [undefined, [other.pem]])
      await assert.rejects(asked(`https://127.0.0.1:${port}`, trusted), (error) =>
        isKeywardError(error, "unreachable"),
      );
    await assert.rejects(asked(`https://127.0.0.2:${port}`, [ca.pem]), (error) =>
      isKeywardError(error, "unreachable"),
    );
  });
});

test("a kept connection that the other side has closed is replaced, and the question asked again once", async () => {
  let count = 0;
  const closing = createServer((request, response) => {
    count += 1;
    if (count === 2) request.socket.destroy();
    else response.end("ok");
  });
  await withServer(closing, async (port) => {
    const upstream = createUpstream({ what: "it", url: new URL(`http://127.0.0.1:${port}`) });
    for (let i = 0; i < 2; i++) assert.equal(Buffer.from(await upstream.ask(question)).toString(), "ok");
    assert.equal(count, 3);
    upstream.close();
  });
});
