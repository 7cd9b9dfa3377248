/** Secretary's clients at a server with a store: its own nodes, events, and who is refused. */
import assert from "node:assert/strict";
import { Agent, request as httpsRequest } from "node:https";
import { after, before, test } from "node:test";
import { config, deploy, layers, master, requestBody, sealed } from "../../test/secretary/deployment.ts";
import type { Api } from "../api/api.ts";
import { toBase64 } from "../base/bytes.ts";
import { systemRandom } from "../crypto/random.ts";
import { openResponse } from "../formats/secretary/exchange.ts";
import { deriveBoxKey, generateKeyPair } from "../formats/secretary/keys.ts";
import type { DecryptRequest } from "../formats/secretary/request.ts";
import { startTestServer, type TestServer } from "./server-for-test.ts";

let main: TestServer;
let admin: Api;
const agent = new Agent({ keepAlive: true });
const envelope = sealed("correct horse");
const foreign = sealed("somebody else's");

before(async () => {
  const secretary = { masters: [master.privateKey], configs: [config.publicKey] };
  main = await startTestServer({ options: { secretary } });
  admin = await main.operator("admin");
  await main.enrol("web1", { role: "web" });
  await main.enrol("web2", { role: "web" });
  const secretaryOf = (task: object = {}) => ({ deploy: toBase64(deploy.publicKey), ...task });
  const tasks = { orders: { deploy: toBase64(deploy.publicKey) } };
  await admin.call("node.set", {
    path: { name: "web1" },
    body: { attributes: { secretary: secretaryOf({ tasks }) } },
  });
  await put("sealed/orders/db", `url: amqp://u:${envelope}@host\n`);
  await put("sealed/other/token", foreign);
  await put("plain/note", sealed("not below sealed/"));
});
after(async () => {
  agent.destroy();
  await main.stop();
});

async function put(name: string, value: string): Promise<void> {
  await admin.call("key.put", { path: { name }, body: { value: toBase64(Buffer.from(value)) } });
}

async function grant(key: string, query: string): Promise<string> {
  const delivery = { kind: "file", path: key.replaceAll("/", "-"), mode: 0o400, offline: "never" } as const;
  const { grant: made } = await admin.call("grant.add", { body: { key, query, delivery } });
  return (made as { id: string }).id;
}

async function ask(requestedSecret: string, change: Partial<DecryptRequest> = {}, keys = layers) {
  const whole = { appId: "node:web1", appVersion: "", taskId: "", key: "DB", ...change };
  const { form, request, nonces } = requestBody(requestedSecret, whole, keys);
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = httpsRequest(
      `${main.address}/v1/decrypt`,
      {
        method: "POST",
        ca: [...main.ca],
        agent,
        headers: { "content-type": "application/x-www-form-urlencoded" },
        checkServerIdentity: () => undefined,
      },
      (answer) => {
        let body = "";
        answer.on("data", (chunk) => {
          body += chunk;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text: body }));
      },
    );
    sent.on("error", reject).end(form);
  });
  if (status !== 200) return { status, text };
  const asked = { nonces, requestId: request.requestId ?? "" };
  return { status, value: Buffer.from(openResponse(keys, text, asked).value.reveal()).toString() };
}

test("a node opens a sealed value from when it is granted the key that holds it until it is not", async () => {
  assert.equal((await ask(envelope)).status, 401, "not granted");
  const id = await grant("sealed/orders/db", "role:web");
  assert.equal((await ask(envelope)).value, "correct horse");
  assert.equal(
    (await ask(envelope, { taskId: "orders" })).value,
    "correct horse",
    "as its unit, whose key it is",
  );
  assert.equal((await ask(foreign)).status, 401, "another key's");
  await admin.call("grant.remove", { path: { id } });
  assert.equal((await ask(envelope)).status, 401);
});

test("a unit opens what lies below its own name only, and a key outside sealed/ counts for nobody", async () => {
  await grant("sealed/other/token", "name:web1");
  assert.equal((await ask(foreign, { taskId: "orders" })).status, 401);
  assert.equal((await ask(foreign)).status, 200);
  await grant("plain/note", "name:web1");
  assert.equal((await ask(sealed("x"))).status, 401);
});

test("a node without a registered key, one that is not known, and one that was revoked are refused", async () => {
  await grant("sealed/orders/db", "role:web");
  assert.equal((await ask(envelope, { appId: "node:web2" })).status, 500);
  assert.equal((await ask(envelope, { appId: "node:nobody" })).status, 500);
  assert.equal((await ask(envelope, { taskId: "unknown" })).status, 500);
  for (const appId of ["node:", "node:../x", "node:a b", `node:${"a".repeat(300)}`])
    assert.equal((await ask(envelope, { appId })).status, 400, appId);
  assert.equal((await ask(envelope, { taskId: "a/b" })).status, 400);
  assert.equal((await ask(envelope)).status, 200);
  const stranger = generateKeyPair(systemRandom);
  const other = { deploy: deriveBoxKey(stranger.privateKey, master.publicKey) };
  assert.equal((await ask(envelope, {}, other)).status, 400, "another deploy key");
});

test("a key that a node reports of itself is none", async () => {
  const node = await main.enrol("web3", { role: "web" });
  const attributes = { secretary: { deploy: toBase64(deploy.publicKey) } };
  const empty = { challenge: "", proofs: [], withdrawn: [], drift: [], failures: [] };
  await node.api.call("agent.report", { body: { ...empty, facts: attributes } });
  const { node: shown } = await admin.call("node.show", { path: { name: "web3" } });
  assert.deepEqual(shown.attributes.reported, attributes);
  assert.equal((await ask(envelope, { appId: "node:web3" })).status, 500);
});

test("Marathon and Mesos are not asked unless they are named", async () => {
  for (const appVersion of ["2024-03-05T10:11:12Z", ""]) {
    const { status, text } = await ask(envelope, { appId: "/shop", appVersion, taskId: "t.1" });
    assert.equal(status, 400, text);
    assert.match(text ?? "", /is not asked/);
  }
});

test("each decision is an event, with names and hashes and no value", async () => {
  const events = await main.parts.journal.list({ after: 0, limit: 1000 });
  const opened = events.filter(({ action }) => action === "value:open");
  const first = opened.find(({ outcome }) => outcome === "ok");
  assert.equal(first?.by, "task:keyward:node:web1");
  assert.equal(first?.resource, "node:web1");
  assert.equal(first?.detail?.variable, "DB");
  assert.match(String(first?.detail?.envelope), /^[\w-]{43}$/);
  assert.match(String(first?.detail?.keys), /^nacl:/);
  assert.ok(opened.some(({ outcome, by }) => outcome === "denied" && by === "anonymous"));
  assert.doesNotMatch(JSON.stringify(opened), /correct horse|ENC\[/);
});

test("the API goes its way beside it, and a sealed server opens nothing", async () => {
  const status = await admin.call("server.status", {});
  assert.equal(status.Status, "OK");
  main.parts.rootKey.lock();
  assert.equal((await ask(envelope)).status, 503);
});
