import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { chefNode, type Goiardi, startGoiardi } from "../../../test/chef/goiardi.ts";
import { type ErrorCode, isKeywardError } from "../../base/errors.ts";
import { systemClock } from "../../base/time.ts";
import { systemRandom } from "../../crypto/random.ts";
import { protocols } from "../../formats/chef-signature/chef-signature.ts";
import type { ChefServer } from "../../model/chef-server.ts";
import { type ChefServerOptions, createChefServer } from "./chef-server.ts";

let goiardi: Goiardi;
let chef: ChefServer;
const open: ChefServer[] = [];
const waits: number[] = [];

const parts = {
  clock: systemClock,
  random: systemRandom,
  wait: async (ms: number) => void waits.push(ms),
};

function connect(options: Partial<ChefServerOptions> = {}): ChefServer {
  const { url, user, key } = goiardi;
  const server = createChefServer({ url, user, key, ...parts, ...options });
  open.push(server);
  return server;
}

before(async () => {
  goiardi = await startGoiardi();
  chef = connect();
});
after(async () => {
  for (const server of open) server.close();
  await goiardi.stop();
});

const refused = (promise: Promise<unknown>, code: ErrorCode) =>
  assert.rejects(promise, (error) => isKeywardError(error, code) || assert.fail(String(error)));

async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of all) found.push(one);
  return found;
}

test("a bag is made, filled, changed, read and deleted; numbers keep their digits", async () => {
  assert.equal(await chef.createBag("km"), true);
  assert.equal(await chef.createBag("km"), false);
  assert.ok((await chef.bags()).includes("km"));
  await chef.createItem("km", '{"id":"svc-production","destination":"tags:a"}');
  await refused(chef.createItem("km", '{"id":"svc-production"}'), "conflict");
  await chef.putItem("km", "svc-production", '{"id":"svc-production","key":"v2"}');
  await chef.putItem("km", "new-one", '{"id":"new-one"}');
  assert.deepEqual(JSON.parse(await chef.item("km", "svc-production")), { id: "svc-production", key: "v2" });
  assert.deepEqual(await chef.itemIds("km"), ["new-one", "svc-production"]);
  await chef.deleteItem("km", "new-one");
  await refused(chef.deleteItem("km", "new-one"), "not-found");
  await refused(chef.item("km", "new-one"), "not-found");
  await refused(chef.itemIds("none"), "not-found");
  await refused(chef.putItem("none", "x", '{"id":"x"}'), "not-found");
  await chef.deleteBag("km");
  await refused(chef.deleteBag("km"), "not-found");
});

test("all three protocols of signing are taken", async () => {
  for (const protocol of protocols) assert.ok(Array.isArray(await connect({ protocol }).bags()), protocol);
});

test("another key, and another name, are not known", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await refused(connect({ key: privateKey }).bags(), "unauthenticated");
  await refused(connect({ user: "nobody" }).bags(), "unauthenticated");
});

test("nodes, clients, environments, and what a search finds", async () => {
  const body = (name: string, tags: string[]) =>
    chefNode(name, { automatic: { ipaddress: "10.0.0.1", ratio: 1.5 }, normal: { tags } });
  await makeNode(body("n1", ["a"]));
  await makeNode(body("n2", ["b"]));
  assert.deepEqual(await chef.nodeNames(), ["n1", "n2"]);
  const node = (await chef.node("n1")) as { automatic: { ratio: string } };
  assert.equal(node.automatic.ratio, "1.5");
  await refused(chef.node("n3"), "not-found");
  assert.deepEqual(await chef.environments(), ["_default"]);
  assert.ok((await chef.clientNames()).includes("chef-validator"));
  assert.match((await chef.clientKey("chef-validator")) ?? "", /^-----BEGIN (RSA )?PUBLIC KEY-----/);
  assert.equal(await chef.clientKey("nobody"), null);
  assert.match((await chef.userKey("admin")) ?? "", /BEGIN (RSA )?PUBLIC KEY/);
  const found = (await collect(chef.search("node", "tags:a"))) as { name: string }[];
  assert.deepEqual(
    found.map(({ name }) => name),
    ["n1"],
  );
  const wanted = { name: ["name"], ip: ["ipaddress"], none: ["no", "such"] };
  assert.deepEqual(await collect(chef.partialSearch("node", "name:n2", wanted)), [
    { name: "n2", ip: "10.0.0.1", none: null },
  ]);
  await refused(collect(chef.search("node", "AND")), "malformed");
  await refused(collect(chef.search("none", "*:*")), "not-found");
});

/** Our client only reads nodes; they are made as a node makes itself. */
const makeNode = (node: object): Promise<string> => goiardi.ask("POST", "/nodes", node);

test("a name that a server would take for another path is refused here", async () => {
  for (const name of ["", ".", "..", "a/b", "a b", "a?b", "a\nb", "%2e"])
    await refused((async () => await chef.item("km", name))(), name === "" ? "usage" : "usage");
});

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that behaves as no real one does on demand. */
async function against<T>(
  handle: Handle,
  use: (chef: ChefServer, asked: () => number) => Promise<T>,
  deadlineMs = 60_000,
): Promise<T> {
  let count = 0;
  const server = createServer((request, response) => {
    count++;
    request.resume();
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/organizations/acme`;
  const client = connect({ url, deadlineMs });
  try {
    return await use(client, () => count);
  } finally {
    client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("an overloaded server is asked again with growing pauses; what made something is not", async () => {
  let left = 2;
  const handle: Handle = (_, response) => {
    response.writeHead(left-- > 0 ? 503 : 200).end('{"a":"x"}');
  };
  waits.length = 0;
  await against(handle, async (client) => assert.deepEqual(await client.bags(), ["a"]));
  assert.equal(waits.length, 2);
  assert.ok((waits[0] ?? 0) >= 250 && (waits[0] ?? 0) < 750 && (waits[1] ?? 0) >= 500);
  await against(
    (_, response) => void response.writeHead(500).end(),
    async (client, asked) => {
      await refused(client.createItem("b", "{}"), "busy");
      assert.equal(asked(), 1);
    },
  );
});

test("another version of the API is spoken when the server names one", async () => {
  const seen: unknown[] = [];
  await against(
    ({ headers }, response) => {
      seen.push(headers["x-ops-server-api-version"]);
      const known = headers["x-ops-server-api-version"] === "0";
      response.writeHead(known ? 200 : 406).end(known ? "{}" : '{"min_api_version":0,"max_api_version":0}');
    },
    async (client) => void (await client.bags()),
  );
  assert.deepEqual(seen, ["1", "0"]);
});

test("a search goes on until a page is not full, whatever the total says", async () => {
  const page = (count: number) =>
    JSON.stringify({
      total: count,
      start: 0,
      rows: Array.from({ length: count }, (_, i) => ({ name: `n${i}` })),
    });
  const paths: string[] = [];
  await against(
    ({ url = "" }, response) => {
      paths.push(url);
      response.end(page(url.includes("start=2000") ? 7 : 1000));
    },
    async (client) => assert.equal((await collect(client.search("node", "a:b c"))).length, 2007),
  );
  assert.match(paths[1] ?? "", /^\/organizations\/acme\/search\/node\?q=a%3Ab%20c&start=1000&rows=1000$/);
});

test("an answer of 50 MB is read; one that never ends, a redirect and something that is no JSON are refused", async () => {
  const big = JSON.stringify({ rows: [{ name: "n", x: "y".repeat(50_000_000) }] });
  await against(
    (_, response) => void response.end(big),
    async (client) => assert.equal((await collect(client.search("node", "*:*"))).length, 1),
  );
  await against(
    (_, response) => void response.write("{"),
    async (client) => await refused(client.bags(), "timeout"),
    300,
  );
  await against(
    (_, response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
    async (client, asked) => {
      await refused(client.bags(), "malformed");
      assert.equal(asked(), 1);
    },
  );
  for (const text of ["[]", "{", "null", '{"__proto__":1}'])
    await against(
      (_, response) => void response.end(text),
      async (client) => await refused(client.bags(), "malformed"),
    );
});

test("what a server says never comes into an error", async () => {
  await against(
    (_, response) => void response.writeHead(400).end('{"error":["correct horse"]}'),
    async (client) =>
      await assert.rejects(
        client.bags(),
        (error) => !/correct horse/.test(`${error}${JSON.stringify(error)}`),
      ),
  );
});
