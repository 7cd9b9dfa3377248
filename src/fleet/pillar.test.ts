import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import type { DerivedAs } from "../model/key.ts";
import { asNode, type Bench, createBench, me, operator } from "./fleet-for-test.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
  await bench.putNode("db1", { set: { role: "db" } });
  await bench.putKey("db/password", ["one", "two"]);
  await bench.putKey("web/cookie", ["other"]);
  await bench.grant("db/password", "role:db", "b.password");
  await bench.grant("db/password", "role:db", "/run/a.password");
  await bench.grant("web/cookie", "role:web", "cookie");
});

const readNode = { actions: ["node:read"], prefix: "db1" } as const;
const master = operator(readNode, { actions: ["key:read"], prefix: "db/" });
const refused = (code: "denied" | "not-found", words: RegExp) => (error: unknown) =>
  isKeywardError(error, code) && words.test(error.message);
const keysOf = async (...args: Parameters<Bench["fleet"]["pillar"]>) =>
  (await bench.fleet.pillar(...args)).keyward.keys;

describe("a node's pillar", () => {
  it("names what the grants give to this node, and no value", async () => {
    assert.deepEqual(await bench.fleet.pillar(operator(readNode), "db1"), {
      keyward: {
        node: "db1",
        keys: { "db/password": { version: 2, paths: ["/run/a.password", "b.password"] } },
      },
      luks: {},
    });
    assert.equal(bench.opened.length, 0);
    const [event] = await bench.events("node:read");
    assert.deepEqual([event?.by, event?.resource, event?.outcome], ["operator:alice", "db1", "ok"]);
  });

  it("is had by the node itself without a rule, of no other node, and never with values", async () => {
    assert.deepEqual(
      await bench.fleet.pillar(asNode("db1"), "db1"),
      await bench.fleet.pillar(operator(readNode), "db1"),
    );
    const [event] = await bench.events("node:pillar");
    assert.deepEqual([event?.by, event?.resource, event?.outcome], ["node:db1", "db1", "ok"]);
    await bench.putNode("db2", { set: { role: "db" } });
    await assert.rejects(bench.fleet.pillar(asNode("db1"), "db2"), refused("denied", /node:pillar/));
    await assert.rejects(
      bench.fleet.pillar(asNode("db1"), "db1", { values: true }),
      refused("denied", /key:read/),
    );
    assert.equal(bench.opened.length, 0);
  });

  it("has a volume as the article's state reads it, and never its key", async () => {
    await bench.putKey("disk/db1", ["three"]);
    await bench.unlock("disk/db1", "role:db", {
      beneath: { group: "vgdata", volume: "vgdata" },
      mount: { point: "/srv/data", fstype: "ext4", options: [] },
      start: ["mongodb.service"],
      conditions: { approvals: 1 },
    });
    const { luks, keyward } = await bench.fleet.pillar(me, "db1", { values: true });
    assert.deepEqual(luks, {
      data: {
        key: "disk/db1",
        version: 1,
        dev_name: "/dev/disk/by-id/one",
        vg_name: "vgdata",
        lv_name: "vgdata",
        mountpoint: "/srv/data",
        fstype: "ext4",
        services: ["mongodb.service"],
      },
    });
    assert.deepEqual(Object.keys(keyward.keys), ["db/password"]);
    assert.ok(!(await bench.events("key:read")).some(({ resource }) => resource === "disk/db1"));
  });

  it("says of a derived key which realm of the node's seed it is", async () => {
    const derived: DerivedAs = {
      derivation: { scheme: "keyward-1", realm: "ssh", kind: { kind: "ed25519" }, purpose: "host" },
      encoding: "openssh",
    };
    await bench.putDerived("ssh/host", 1, derived);
    await bench.grant("ssh/host", "role:db", "ssh");
    const keys = await keysOf(me, "db1", { values: true });
    assert.deepEqual(keys["ssh/host"], { version: 1, paths: ["ssh"], realm: "ssh" });
  });

  it("has values for who asks for them and may read each, with an event for each", async () => {
    const keys = await keysOf(master, "db1", { values: true });
    assert.equal(keys["db/password"]?.value, "two");
    const [event] = await bench.events("key:read");
    assert.deepEqual([event?.by, event?.resource, event?.outcome], ["operator:alice", "db/password", "ok"]);
    assert.deepEqual(event?.detail, { node: "db1", pillar: true, version: 2 });
    assert.ok(bench.opened.every((secret) => secret.length === 0));
  });

  it("has no value at all for who may not read one of them", async () => {
    await assert.rejects(
      bench.fleet.pillar(operator(readNode), "db1", { values: true }),
      refused("denied", /key:read on "db\/password"/),
    );
    await bench.grant("web/cookie", "role:db", "cookie");
    await assert.rejects(
      bench.fleet.pillar(master, "db1", { values: true }),
      refused("denied", /web\/cookie/),
    );
    assert.equal(bench.opened.length, 0);
  });

  it("is only for who may read the node", async () => {
    await bench.putNode("db2");
    await assert.rejects(bench.fleet.pillar(master, "db2"), refused("denied", /node:read/));
    await assert.rejects(bench.fleet.pillar(me, "db3"), refused("not-found", /no node "db3"/));
    await assert.rejects(bench.fleet.pillar(me, "--values"), /want 1 to 253 letters/);
  });

  for (const state of ["pending", "frozen", "revoked"] as const)
    it(`is not for a node that is ${state}, and the refusal has an event`, async () => {
      await bench.putNode("db1", { set: { role: "db" } }, state);
      await assert.rejects(
        bench.fleet.pillar(master, "db1", { values: true }),
        refused("denied", RegExp(state)),
      );
      assert.equal((await bench.events("node:read")).at(-1)?.outcome, "denied");
      assert.equal(bench.opened.length, 0);
    });

  it("follows the grants: what was withdrawn or rotated is so in the next one", async () => {
    const { grant } = await bench.grant("web/cookie", "role:db", "cookie");
    assert.equal((await keysOf(me, "db1"))["web/cookie"]?.version, 1);
    await bench.fleet.grants.remove(me, grant.id);
    await bench.putKey("db/password", ["one", "two", "three"]);
    const keys = await keysOf(me, "db1", { values: true });
    assert.deepEqual(Object.keys(keys), ["db/password"]);
    assert.equal(keys["db/password"]?.value, "three");
  });
});
