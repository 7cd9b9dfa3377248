import assert from "node:assert/strict";
import { after, test } from "node:test";
import { until } from "../../test/waiting.ts";
import { file, refused, value, watch } from "./node-for-test.ts";
import { startTestServer } from "./server-for-test.ts";

const main = await startTestServer({ options: { heartbeatMs: 1000 } });
const admin = await main.operator("admin");
after(() => main.stop());

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
  let heard = false;
  const follow = (async () => {
    for await (const _ of eve.stream("audit.tail", { query: { after: "0" } }, new AbortController().signal))
      heard = true;
    return "ended";
  })();
  await until("it follows", () => heard);
  await admin.call("token.revoke", { path: { id: info.id } });
  assert.equal(await follow, "ended");
});
