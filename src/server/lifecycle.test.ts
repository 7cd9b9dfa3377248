import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../test/waiting.ts";
import type { Secret } from "../base/secret.ts";
import { createClient } from "../client/client.ts";
import { pinServer } from "../client/pin.ts";
import { openMemory } from "../store/memory.ts";
import { refused, value, watch } from "./node-for-test.ts";
import { startServer } from "./server.ts";
import { createKeep, createTestParts, keyFile, me, startTestServer } from "./server-for-test.ts";

test("sealed it answers status alone, and an unseal by key file opens it again", async (t) => {
  const sealed = await startTestServer();
  t.after(() => sealed.stop());
  const operator = await sealed.operator("admin");
  await operator.call("key.put", { path: { name: "a" }, body: { value: value("v") } });
  await operator.call("seal.seal", {});
  assert.equal((await sealed.client().call("server.status", {})).state, "sealed");
  await assert.rejects(operator.call("key.get", { path: { name: "a" } }), refused("sealed"));
  const wrong = { kind: "file", content: `${"x".repeat(64)}0123456789abcdef` } as const;
  await assert.rejects(operator.call("seal.unseal", { body: wrong }), refused("wrong-key"));
  const { content } = keyFile() as { content: Secret };
  const text = Buffer.from(content.reveal()).toString();
  await operator.call("seal.unseal", { body: { kind: "file", content: text } });
  assert.equal((await operator.call("key.get", { path: { name: "a" } })).value, value("v"));
  const { events } = await operator.call("audit.list", { query: { resource: "root-key" } });
  const acts = events.filter(({ action }) => action === "seal:write");
  assert.deepEqual(
    acts.map(({ outcome, detail }) => `${outcome} ${detail?.error ?? ""}`.trim()),
    ["ok", "failed wrong-key", "ok"],
  );
});

test("a server that starts sealed presents its kept certificate; one that was never initialised says what to run", async () => {
  const store = openMemory();
  const parts = await createTestParts({ store });
  const keep = createKeep();
  const options = { host: "127.0.0.1", port: 0, names: ["localhost", "127.0.0.1"], keep, graceMs: 500 };
  const ca = parts.authority.show().certificates.map(({ pem }) => pem);
  const lasting = { ...store, close: async () => {} };
  const first = await startServer({ ...parts, close: async () => parts.journal.close() }, options);
  await first.stop();
  const again = await createTestParts({ store: lasting, initialised: false });
  assert.equal(again.rootKey.state, "sealed");
  const second = await startServer(again, options);
  const api = createClient({ address: `https://127.0.0.1:${second.port}`, ca });
  assert.equal((await api.call("server.status", {})).state, "sealed");
  await api.close();
  await second.stop();

  const empty = await startTestServer({ initialised: false });
  const unverified = await status(empty.address);
  assert.match(unverified, /"state":"uninitialised"/);
  await empty.stop();
});

/** What anyone sees who does not verify the certificate. */
async function status(address: string): Promise<string> {
  const { request } = await import("node:https");
  return await new Promise((resolve, reject) => {
    request(`${address}/v1/status`, { rejectUnauthorized: false, agent: false }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => {
        text += String(chunk);
      });
      answer.on("end", () => resolve(text));
    })
      .on("error", reject)
      .end();
  });
}

test("after the CA was rotated, who trusts the old one and who trusts the new one are both served", async (t) => {
  const server = await startTestServer();
  t.after(() => server.stop());
  const operator = await server.operator("admin");
  const node = await server.enrol("steady");
  const watched = watch(node);
  await watched.next(1);
  const [old] = server.ca;
  const { certificates } = await operator.call("ca.rotate", { body: {} });
  assert.equal(certificates.length, 2);
  // the watch tells the node whom to trust from now on
  assert.equal((await watched.next(2)).ca.length, 2);
  watched.stop();
  await until(
    "the new CA is kept",
    () => server.keep.read()?.includes(JSON.stringify(certificates[0]?.pem).slice(1, -1)) === true,
  );
  for (const pem of [old ?? "", certificates[0]?.pem ?? ""]) {
    const api = createClient({ address: server.address, ca: [pem] });
    assert.equal((await api.call("server.status", {})).Status, "OK");
    await api.close();
  }
  for (const { fingerprint } of certificates) {
    const pinned = await pinServer(server.address, fingerprint);
    assert.equal(pinned.length, 2);
  }
  await node.api.call("agent.bundle", { body: { held: [] } });
});

test("stop ends the watches, finishes requests under way and writes its event", async () => {
  const store = openMemory();
  const server = await startTestServer({ store: { ...store, close: async () => {} } });
  const node = await server.enrol("last");
  const watched = watch(node);
  await watched.next(1);
  const operator = await server.operator("admin");
  await operator.call("access.whoami", {});
  const puts = Promise.allSettled(
    Array.from({ length: 20 }, (_, i) =>
      operator.call("key.put", { path: { name: `k/${i}` }, body: { value: value("v") } }),
    ),
  );
  await sleep(20);
  await server.server.stop();
  assert.equal(await watched.ended(), "ended");
  const done = (await puts).filter(({ status }) => status === "fulfilled").length;
  const again = await createTestParts({ store, initialised: false });
  await again.rootKey.unseal(keyFile());
  const { keys } = await again.keyring.list(me, { prefix: "k/" });
  assert.ok(keys.length >= done, "what was acknowledged is there");
  const last = (await again.journal.recent(3)).map(({ action }) => action);
  assert.ok(last.includes("server:stop"));
  await again.close();
  await server.stop();
});
