import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { grants, nodes } from "../records/records.ts";
import { asNode, type Bench, createBench, me, textOf } from "./fleet-for-test.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
  await bench.putKey("db/x", ["secret"]);
  await bench.putNode("web1", { set: { role: "api" } });
});

const bundle = (held: { key: string; version: number }[] = [], node = "web1") =>
  bench.fleet.bundleFor(asNode(node), held);
const delivers = async () =>
  (await bench.events("node:deliver")).map(({ by, resource, outcome, detail }) => ({
    by,
    resource,
    outcome,
    ...detail,
  }));

describe("a bundle", () => {
  it("holds all that the node should hold, in order of path, with the values that it lacks", async () => {
    await bench.putKey("db/y", ["one", "two"]);
    const y = await bench.grant("db/y", "role:api", "/run/y");
    const x = await bench.grant("db/x", "role:api", "/run/x");
    const { entries, challenge, revision } = await bundle();
    assert.deepEqual(
      entries.map((entry) => [entry.grant, entry.key, entry.version, entry.delivery.path, textOf(entry)]),
      [
        [x.grant.id, "db/x", 1, "/run/x", "secret"],
        [y.grant.id, "db/y", 2, "/run/y", "two"],
      ],
    );
    assert.equal(Buffer.from(challenge, "base64").length, 32);
    assert.ok(revision > 0);
  });

  it("leaves out the value of what was sent before and is held", async () => {
    await bench.grant("db/x", "role:api");
    await bundle();
    const { entries } = await bundle([{ key: "db/x", version: 1 }]);
    assert.equal(entries.length, 1);
    assert.equal(entries[0]?.value, undefined);
  });

  it("sends a value again to a node that lost it, or that never was sent it", async () => {
    await bench.grant("db/x", "role:api");
    assert.equal(textOf((await bundle([{ key: "db/x", version: 1 }])).entries[0] ?? ({} as never)), "secret");
    assert.equal(textOf((await bundle()).entries[0] ?? ({} as never)), "secret");
    assert.equal((await delivers()).length, 2);
  });

  it("each value has its event, and the delivery is recorded", async () => {
    const { grant } = await bench.grant("db/x", "role:api");
    await bundle();
    assert.deepEqual(await delivers(), [
      { by: "node:web1", resource: "web1", outcome: "ok", key: "db/x", version: 1, grant: grant.id },
    ]);
    const record = { key: "db/x", version: 1, paths: ["/run/db/x"], delivered: bench.clock() };
    assert.deepEqual((await bench.fleet.nodes.show(me, "web1")).holds, [record]);
    assert.deepEqual(bench.fleet.recipients("db/x"), [{ node: "web1", ...record }]);
  });

  it("writes nothing when nothing has to be sent", async () => {
    await bundle();
    await bench.grant("db/x", "role:api");
    await bundle();
    const before = await bench.store.revision();
    for (let i = 0; i < 3; i++) await bundle([{ key: "db/x", version: 1 }]);
    assert.equal(await bench.store.revision(), before);
  });

  it("records another place without sending the value again", async () => {
    await bench.grant("db/x", "role:api", "/run/a");
    await bundle();
    const second = await bench.grant("db/x", "role:api", "/run/b");
    const { entries } = await bundle([{ key: "db/x", version: 1 }]);
    assert.deepEqual(
      entries.map((entry) => entry.value),
      [undefined, undefined],
    );
    assert.deepEqual(bench.fleet.recipients("db/x")[0]?.paths, ["/run/a", "/run/b"]);
    await bench.fleet.grants.remove(me, second.grant.id);
    await bundle([{ key: "db/x", version: 1 }]);
    assert.deepEqual(bench.fleet.recipients("db/x")[0]?.paths, ["/run/a"]);
    assert.deepEqual((await bench.fleet.plan(me)).lines, []);
  });

  it("keeps a node's name out of the delivery's record", async () => {
    await bench.grant("db/x", "role:api");
    await bundle();
    const [record] = await bench.store.range({ prefix: "deliveries/" });
    assert.match(record?.key ?? "", /^deliveries\/[0-9a-f]{64}\/db\/x$/);
    assert.doesNotMatch(Buffer.from(record?.value ?? []).toString(), /web1/);
  });

  it("wipes the values that it opened", async () => {
    await bench.grant("db/x", "role:api");
    await bundle();
    assert.ok(bench.opened.length > 0);
    assert.ok(bench.opened.every((secret) => secret.length === 0));
  });

  it("gives the pending version while one is being delivered", async () => {
    await bench.grant("db/x", "role:api");
    await bench.putKey("db/x", ["secret", "next"], "pending");
    assert.deepEqual(await bench.receive("web1"), { "db/x": "next" });
  });
});

describe("a node gets a key only through a grant that its attributes match now", () => {
  beforeEach(() => bench.grant("db/x", "role:api"));

  it("not when it stops matching", async () => {
    await bench.fleet.nodes.set(me, "web1", { role: "db" });
    assert.deepEqual((await bundle()).entries, []);
  });

  it("not by what it reports of itself", async () => {
    await bench.putNode("web2", { reported: { role: "api" } });
    assert.deepEqual((await bundle([], "web2")).entries, []);
  });

  it("not by a query that it matches because it has too many attributes to be looked at", async () => {
    const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`a${i}`, "x"]));
    await bench.putNode("web3", { attested: { many } });
    await bench.grant("db/x", "NOT role:db", "/run/other");
    assert.deepEqual((await bundle([], "web3")).entries, []);
  });

  it("not when it is frozen, revoked, pending or unknown, and the refusal has an event", async () => {
    await bench.fleet.nodes.freeze(me, "web1");
    await assert.rejects(bundle(), { code: "denied" });
    await bench.fleet.nodes.revoke(me, "web1");
    await assert.rejects(bundle(), { code: "denied" });
    await bench.putNode("web2", { set: { role: "api" } }, "pending");
    await assert.rejects(bundle([], "web2"), { code: "denied" });
    await assert.rejects(bundle([], "web9"), { code: "denied" });
    assert.deepEqual(
      (await delivers()).map(({ outcome, resource, ...detail }) => [
        outcome,
        resource,
        (detail as { state?: string }).state,
      ]),
      [
        ["denied", "web1", "frozen"],
        ["denied", "web1", "revoked"],
        ["denied", "web2", "pending"],
        ["denied", "web9", "forgotten"],
      ],
    );
  });

  it("not as anyone but a node", async () => {
    await assert.rejects(bench.fleet.bundleFor(me, []), { code: "denied" });
  });

  it("not when it is revoked in the very commit that would have sent it", async () => {
    const revoked = bench.fleet.nodes.revoke(me, "web1");
    const asked = bundle();
    await revoked;
    await assert.rejects(asked, { code: "denied" });
    assert.equal((await delivers()).filter((event) => event.outcome === "ok").length, 0);
  });

  it("not when the grant goes in the very commit that would have sent it", async () => {
    const [grant] = await bench.fleet.grants.list(me);
    const removed = bench.fleet.grants.remove(me, grant?.id ?? "");
    const asked = bundle();
    await removed;
    assert.deepEqual((await asked).entries, []);
    assert.deepEqual(await delivers(), []);
  });

  it("not when its attributes change in the very commit that would have sent it", async () => {
    const changed = bench.fleet.nodes.set(me, "web1", { role: "db" });
    const asked = bundle();
    await changed;
    assert.deepEqual((await asked).entries, []);
  });

  it("not when the version was destroyed in the very commit that would have sent it", async () => {
    const gone = bench.transact((tx) => {
      tx.delete("versions/db/x@1");
      tx.delete("keys/db/x");
    });
    const asked = bundle();
    await gone;
    assert.deepEqual((await asked).entries, []);
  });

  it("not under a record that another server changed and that is not seen here", async () => {
    const row = await bench.transact((tx) => nodes.get(tx, "web1"));
    assert.ok(row);
    const stale = await createBench(bench.store);
    stale.fleet.close();
    await bench.transact((tx) => nodes.put(tx, { ...row, state: "revoked" }));
    await assert.rejects(stale.fleet.bundleFor(asNode("web1"), []), { code: "busy" });
    await bench.transact(async (tx) => {
      nodes.put(tx, row);
      for (const grant of await grants.list(tx)) grants.delete(tx, grant.id);
    });
    await assert.rejects(stale.fleet.bundleFor(asNode("web1"), []), { code: "busy" });
  });
});

describe("two keys at one path", () => {
  it("that came to meet on a node: the older grant has it, the newer is refused with an event, once", async () => {
    await bench.putKey("db/y", ["other"]);
    await bench.putNode("web2", { set: { role: "db" } });
    const old = await bench.grant("db/x", "role:api", "/run/key");
    const young = await bench.grant("db/y", "role:db", "/run/key");
    await bench.fleet.nodes.set(me, "web2", { role: ["api", "db"] });
    assert.deepEqual(await bench.receive("web2"), { "db/x": "secret" });
    await bench.receive("web2");
    const refused = (await delivers()).filter((event) => event.outcome === "failed");
    assert.deepEqual(refused, [
      {
        by: "system:server",
        resource: "web2",
        outcome: "failed",
        key: "db/y",
        grant: young.grant.id,
        path: "/run/key",
        reason: `${old.grant.id} already has /run/key`,
      },
    ]);
    const why = await bench.fleet.why(me, "web2", "db/y");
    assert.equal(why.has, false);
    assert.match(
      why.summary,
      new RegExp(`${young.grant.id} matches, but ${old.grant.id}, which is older, has /run/key for db/x`),
    );
    await bench.fleet.grants.remove(me, old.grant.id);
    assert.deepEqual(await bench.receive("web2"), { "db/y": "other" });
  });
});

describe("many nodes at once", () => {
  const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
  beforeEach(async () => {
    await bench.grant("db/x", "role:api");
    await Promise.all(names.map((name) => bench.putNode(name, { set: { role: "api" } })));
  });

  it("share commits, and the value is opened once", async () => {
    const before = await bench.store.revision();
    await Promise.all(names.map((name) => bundle([], name)));
    assert.ok((await bench.store.revision()) - before <= 5);
    assert.equal(bench.fleet.recipients("db/x").length, 100);
    assert.equal(bench.opened.length, 1);
  });

  it("no value is kept once they are served", async () => {
    await Promise.all(names.map((name) => bundle([], name)));
    await bundle();
    assert.equal(bench.opened.length, 2);
  });

  it("do not get a value that was opened before its key's record changed", async () => {
    const first = names.map((name) => bundle([], name));
    const changed = bench.putKey("db/x", ["changed"]);
    const later = bundle();
    await Promise.all([...first, changed]);
    assert.equal(textOf((await later).entries[0] ?? ({} as never)), "changed");
  });
});
