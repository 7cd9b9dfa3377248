import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { ResponseOf } from "../api/shapes.ts";
import { fromBase64, toBase64, utf8 } from "../base/bytes.ts";
import { isKeywardError, type KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";

import { createClient } from "../client/client.ts";
import { pinServer } from "../client/pin.ts";
import { prove } from "../fleet/fleet.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { openMemory } from "../store/memory.ts";
import { startServer } from "./server.ts";
import {
  createKeep,
  createTestParts,
  keyFile,
  makeCsr,
  me,
  startTestServer,
  type TestNode,
} from "./server-for-test.ts";

type Bundle = ResponseOf<"agent.watch">;

const value = (text: string): string => toBase64(utf8(text));
const file = (path: string) => ({ kind: "file", path, mode: 0o400, offline: "never" }) as const;
const refused = (code: KeywardError["code"], message?: RegExp) => (error: unknown) => {
  assert.ok(isKeywardError(error, code), String(error));
  if (message !== undefined) assert.match(error.message, message);
  return true;
};

const main = await startTestServer({ options: { heartbeatMs: 1000 } });
const admin = await main.operator("admin");
after(() => main.stop());

/** A watch whose lines can be waited for. */
function watch(node: TestNode, held: Bundle["entries"] = []) {
  const stop = new AbortController();
  const lines: Bundle[] = [];
  let done: unknown = null;
  const run = (async () => {
    const body = { held: held.map(({ key, version }) => ({ key, version })) };
    for await (const line of node.api.stream("agent.watch", { body }, stop.signal)) lines.push(line);
    done = "ended";
  })().catch((error: unknown) => {
    done = error;
  });
  return {
    lines,
    stop: () => stop.abort(),
    async next(count: number): Promise<Bundle> {
      for (let i = 0; lines.length < count && i < 500; i++) await sleep(10);
      const line = lines[count - 1];
      assert.ok(line, `line ${count} did not come`);
      return line;
    },
    async ended(): Promise<unknown> {
      await run;
      return done;
    },
  };
}

async function report(node: TestNode, bundle: Bundle) {
  const proofs = bundle.entries.map(({ key, version, value: text = "" }) => {
    const claim = { node: node.name as NodeName, key: key as KeyName, version: version as VersionNumber };
    const proof = prove(
      fromBase64(bundle.challenge, "challenge"),
      claim,
      Secret.take(fromBase64(text, "value")),
    );
    return { key, version, proof: toBase64(proof) };
  });
  const body = { challenge: bundle.challenge, proofs, withdrawn: [], drift: [], failures: [] };
  return await node.api.call("agent.report", { body });
}

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

test("a watch that resumes gets no value that it says it holds", async () => {
  const node = await main.enrol("web2", { role: "resume" });
  await admin.call("key.put", { path: { name: "resume/key" }, body: { value: value("v") } });
  await admin.call("grant.add", {
    body: { key: "resume/key", query: "role:resume", delivery: file("r.key") },
  });
  const first = watch(node);
  const bundle = await first.next(1);
  first.stop();
  const again = watch(node, bundle.entries);
  const resumed = await again.next(1);
  assert.deepEqual(
    resumed.entries.map(({ key, version, value: v }) => ({ key, version, v })),
    [{ key: "resume/key", version: 1, v: undefined }],
  );
  again.stop();
});

test("a node has one watch: a newer one ends the older", async () => {
  const node = await main.enrol("web3");
  const older = watch(node);
  await older.next(1);
  const newer = watch(node);
  await newer.next(1);
  assert.equal(await older.ended(), "ended");
  newer.stop();
});

test("a revoked node is refused at once, its watch says that it holds nothing, and ends", async () => {
  const node = await main.enrol("gone1", { role: "gone" });
  await admin.call("key.put", { path: { name: "gone/key" }, body: { value: value("v") } });
  await admin.call("grant.add", { body: { key: "gone/key", query: "role:gone", delivery: file("g.key") } });
  const watched = watch(node);
  assert.equal((await watched.next(1)).entries.length, 1);
  await admin.call("node.revoke", { path: { name: "gone1" }, body: {} });
  await assert.rejects(node.api.call("agent.bundle", { body: { held: [] } }), refused("denied", /gone1/));
  const last = await watched.next(2);
  assert.deepEqual(last.entries, []);
  assert.ok(last.ca.length > 0);
  assert.equal(await watched.ended(), "ended");
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

test("a dry run answers as if it were done, and changes nothing", async () => {
  const before = await admin.call("key.list", { query: { prefix: "dry/" } });
  const put = { path: { name: "dry/one" }, body: { value: value("v") } };
  assert.equal((await admin.call("key.put", { ...put, dryRun: true })).version, 1);
  assert.deepEqual(await admin.call("key.list", { query: { prefix: "dry/" } }), before);
});

test("the log is read by page, followed as it grows, and found intact", async () => {
  const { events, more } = await admin.call("audit.list", { query: { limit: "5" } });
  assert.equal(events.length, 5);
  assert.equal(more, true);
  const stop = new AbortController();
  const seen: number[] = [];
  const follow = (async () => {
    for await (const event of admin.stream("audit.tail", { query: { after: "0" } }, stop.signal)) {
      seen.push(event.seq);
      if (event.resource === "tail/key" && event.action === "key:write") stop.abort();
    }
  })();
  await admin.call("key.put", { path: { name: "tail/key" }, body: { value: value("v") } });
  await follow;
  assert.deepEqual(
    seen,
    Array.from(seen, (_, i) => i + 1),
    "every event from the first, in order",
  );
  const report = await admin.call("audit.verify", { body: {} });
  assert.deepEqual(report.problems, []);
  assert.equal(report.intact, true);
  const checkpoint = await admin.call("audit.checkpoint", {});
  assert.equal((await admin.call("audit.verify", { body: { checkpoint } })).intact, true);
});

test("a token that is revoked ends the log that it follows", async () => {
  const { token, info } = await admin.call("token.create", {
    body: { name: "eve", rules: ["admin"], ttl: 60_000 },
  });
  const eve = main.client({ token });
  const follow = (async () => {
    for await (const _ of eve.stream("audit.tail", {}, new AbortController().signal));
    return "ended";
  })();
  await sleep(50);
  await admin.call("token.revoke", { path: { id: info.id } });
  assert.equal(await follow, "ended");
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
  for (
    let i = 0;
    i < 100 && server.keep.read()?.includes(JSON.stringify(certificates[0]?.pem).slice(1, -1)) !== true;
    i++
  )
    await sleep(20);
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
  for (let i = 0; i < 200; i++) {
    const { versions } = await admin.call("key.show", { path: { name: "rot/key" } });
    if (versions[1]?.state.kind === "primary") break;
    assert.ok(i < 199, "was not promoted");
    await sleep(20);
  }
  watched.stop();
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
