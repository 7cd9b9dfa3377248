import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { fromBase64 } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { asNode, type Bench, createBench, me, operator, reportOf } from "./fleet-for-test.ts";
import { prove } from "./proof.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
  await bench.putKey("disk/db1", ["one"]);
  await bench.putNode("db1", { set: { role: "db" } });
});

const ask = (from: string | undefined = "192.0.2.1", name = "data", node = "db1") =>
  bench.fleet.unlock(asNode(node), name, from);
const valuesOf = ({ versions }: Awaited<ReturnType<typeof ask>>) =>
  versions.map(({ version, value = "" }) => [version, Buffer.from(fromBase64(value, "value")).toString()]);
const denials = async () => (await bench.events("node:unlock")).filter(({ outcome }) => outcome === "denied");

async function proveIt(version: number, value: string) {
  const { challenge } = await ask();
  const about = { node: "db1" as NodeName, key: "disk/db1" as KeyName, version: version as VersionNumber };
  const proof = Buffer.from(prove(fromBase64(challenge, "challenge"), about, Secret.fromText(value)));
  return bench.fleet.report(
    asNode("db1"),
    reportOf({ challenge, proofs: [{ key: "disk/db1", version, proof: proof.toString("base64") }] }),
  );
}

describe("a volume's key", () => {
  it("goes out when the node asks, with one event, and in no bundle", async () => {
    const { grant, effect } = await bench.unlock("disk/db1", "role:db");
    assert.deepEqual(
      effect.map(({ change, path }) => [change, path]),
      [["gain", "/dev/mapper/data"]],
    );
    const bundle = await bench.fleet.bundleFor(asNode("db1"), []);
    assert.deepEqual(bundle.entries, []);
    assert.deepEqual(bundle.volumes, [
      { grant: grant.id, key: "disk/db1", version: 1, delivery: grant.delivery },
    ]);
    assert.doesNotMatch(JSON.stringify(bundle), /b25l/);
    assert.equal(bench.opened.length, 0);
    const answer = await ask();
    assert.deepEqual(valuesOf(answer), [[1, "one"]]);
    assert.deepEqual(
      (await bench.events("node:unlock")).map(({ by, resource, outcome, detail }) => [
        by,
        resource,
        outcome,
        detail,
      ]),
      [["node:db1", "db1", "ok", { key: "disk/db1", grant: grant.id, volume: "data", versions: "1" }]],
    );
    assert.ok(bench.opened.every((secret) => secret.length === 0));
    assert.equal(bench.fleet.known("db1" as NodeName)?.keys.length, 0, "nor is it anything to Secretary");
  });

  it("is refused without a grant, to a node that is frozen or revoked, and to anyone else", async () => {
    await assert.rejects(ask(), { code: "denied", message: /no grant unlocks it/ });
    await bench.unlock("disk/db1", "role:db");
    await assert.rejects(ask("192.0.2.1", "other"), { code: "denied" });
    await bench.putNode("db2", { reported: { role: "db" } });
    await assert.rejects(ask("192.0.2.1", "data", "db2"), { code: "denied" });
    await bench.fleet.nodes.freeze(me, "db1");
    await assert.rejects(ask(), { code: "denied", message: "node db1 is frozen" });
    await bench.fleet.nodes.thaw(me, "db1");
    await ask();
    await bench.fleet.nodes.revoke(me, "db1");
    await assert.rejects(ask(), { code: "denied", message: "node db1 is revoked" });
    await assert.rejects(bench.fleet.unlock(me, "data", "192.0.2.1"), { code: "denied" });
    assert.equal((await denials()).length, 5);
  });

  it("is rehearsed without going out, and without counting", async () => {
    await bench.unlock("disk/db1", "role:db", { conditions: { maxOpens: 1, approvals: 2 } });
    const rehearse = (from = "192.0.2.1") =>
      bench.fleet.unlock(asNode("db1"), "data", from, { rehearse: true });
    for (let i = 0; i < 3; i++) {
      const { versions, lacking, challenge } = await rehearse();
      assert.deepEqual([versions, lacking, challenge], [[{ version: 1 }], 2, ""]);
    }
    assert.equal(bench.opened.length, 0);
    const [row] = await bench.fleet.volumes(me);
    assert.deepEqual([row?.opens, row?.asked, row?.opened], [0, undefined, undefined]);
    assert.equal((await bench.events("node:unlock")).at(-1)?.detail?.rehearsed, true);
    await bench.fleet.nodes.freeze(me, "db1");
    await assert.rejects(rehearse(), { code: "denied" });
  });

  it("a loss or a freeze says beforehand what becomes of the volume", async () => {
    const mount = { point: "/srv/data", fstype: "ext4", options: [] };
    const delivery = { mount, start: ["a.service", "b.service"] } as const;
    const { grant } = await bench.unlock("disk/db1", "role:db", delivery as never);
    const fate = "b.service is stopped, a.service is stopped, /srv/data unmounted, data closed";
    const frozen = await bench.fleet.nodes.freeze(me, "db1");
    assert.deepEqual(frozen.effect, []);
    await bench.fleet.nodes.thaw(me, "db1");
    await ask();
    const { effect } = await bench.fleet.grants.remove(me, grant.id);
    assert.equal(effect[0]?.reason, `grant ${grant.id} is removed; ${fate}`);
    await bench.unlock("disk/db1", "role:db", { ...delivery, atFreeze: "close" } as never);
    const closing = await bench.fleet.nodes.freeze(me, "db1");
    assert.equal(closing.effect[0]?.reason, `the node is frozen; ${fate}`);
  });

  it("only goes where, when and as often as the grant says", async () => {
    await bench.unlock("disk/db1", "role:db", {
      conditions: { allowFrom: ["192.0.2.0/24"], between: "22:00-06:00", maxOpens: 2 },
    });
    // 22:13:20 UTC
    await assert.rejects(ask("198.51.100.1"), { message: /not from "198.51.100.1"/ });
    await assert.rejects(bench.fleet.unlock(asNode("db1"), "data", undefined), { code: "denied" });
    bench.tick(-3_600_000);
    await assert.rejects(ask(), { message: /only between 22:00-06:00 UTC/ });
    bench.tick(3_600_000);
    await ask();
    await ask("::ffff:192.0.2.9");
    await assert.rejects(ask(), { message: /opened 2 times/ });
    bench.tick(86_400_000);
    await ask();
  });

  it("two that ask at once do not get past the count", async () => {
    await bench.unlock("disk/db1", "role:db", { conditions: { maxOpens: 1 } });
    const asked = await Promise.allSettled([ask(), ask(), ask()]);
    assert.equal(asked.filter(({ status }) => status === "fulfilled").length, 1);
  });

  it("refusals do not fill the log", async () => {
    for (let i = 0; i < 30; i++) await assert.rejects(ask());
    assert.equal((await denials()).length, 6);
    bench.tick(60_001);
    await assert.rejects(ask());
    assert.equal((await denials()).at(-1)?.detail?.heldBack, 24);
  });

  it("waits for approval, which one opening uses up", async () => {
    await bench.unlock("disk/db1", "role:db", { conditions: { approvals: 2 } });
    await assert.rejects(ask(), { code: "busy", message: /waits for approval/ });
    await assert.rejects(ask(), { code: "busy" });
    assert.equal((await bench.events("node:unlock")).length, 1, "one event for one question");
    const [row] = await bench.fleet.volumes(me);
    assert.ok(row?.asked !== undefined && row.lacking === 2);
    const alice = operator({ actions: ["disk:approve"], prefix: "disk/" });
    assert.deepEqual(await bench.fleet.approve(alice, "db1", "data"), { lacking: 1 });
    await assert.rejects(bench.fleet.approve(alice, "db1", "data"), { code: "conflict" });
    await assert.rejects(ask(), { code: "busy" });
    await assert.rejects(
      bench.fleet.approve(operator({ actions: ["disk:approve"], prefix: "web/" }), "db1", "data"),
      { code: "denied" },
    );
    assert.deepEqual(await bench.fleet.approve(me, "db1", "data"), { lacking: 0 });
    await ask();
    assert.equal((await bench.events("node:unlock")).at(-1)?.detail?.approved, "operator:alice local:root");
    await assert.rejects(ask(), { code: "busy" });
    await bench.fleet.approve(me, "db1", "data");
    await bench.fleet.approve(alice, "db1", "data");
    bench.tick(3_600_000);
    await assert.rejects(ask(), { code: "busy" }, "an old approval is none");
    await assert.rejects(bench.fleet.approve(me, "db1", "none"), { code: "not-found" });
  });
});

describe("a volume's key that is rotated", () => {
  it("goes out with the one before, until the node proves that the volume opens with it", async () => {
    await bench.unlock("disk/db1", "role:db");
    assert.deepEqual((await proveIt(1, "one")).accepted, [{ key: "disk/db1", version: 1 }]);
    await bench.putKey("disk/db1", ["one", "two"], "pending");
    assert.deepEqual(valuesOf(await ask()), [
      [2, "two"],
      [1, "one"],
    ]);
    const { lines } = await bench.fleet.plan(me);
    assert.deepEqual(
      lines.map(({ change, path, reason }) => [change, path, reason]),
      [["replace", "/dev/mapper/data", "version 2 follows version 1"]],
    );
    assert.equal(bench.fleet.pendingProved("disk/db1" as KeyName), false);
    assert.deepEqual((await proveIt(2, "wrong")).accepted, []);
    assert.deepEqual((await proveIt(2, "two")).accepted, [{ key: "disk/db1", version: 2 }]);
    assert.equal(bench.fleet.pendingProved("disk/db1" as KeyName), true);
    assert.deepEqual(valuesOf(await ask()), [[2, "two"]]);
    assert.deepEqual((await bench.fleet.plan(me)).lines, []);
  });

  it("goes out with every version that the volume may have been made with", async () => {
    await bench.unlock("disk/db1", "role:db");
    await ask();
    await bench.putKey("disk/db1", ["one", "two"]);
    await ask();
    await bench.putKey("disk/db1", ["one", "two", "three"]);
    assert.deepEqual(valuesOf(await ask()), [
      [3, "three"],
      [1, "one"],
      [2, "two"],
    ]);
    await proveIt(2, "two");
    assert.deepEqual(valuesOf(await ask()), [
      [3, "three"],
      [2, "two"],
    ]);
  });

  it("does not end while it opens a volume, also of a node that is frozen or off", async () => {
    await bench.unlock("disk/db1", "role:db");
    await proveIt(1, "one");
    await bench.putKey("disk/db1", ["one", "two"]);
    const opens = (version: number) =>
      bench.fleet.opensVolume("disk/db1" as KeyName, version as VersionNumber);
    assert.deepEqual([opens(1), opens(2)], [true, false]);
    await ask();
    assert.deepEqual([opens(1), opens(2)], [true, true]);
    await bench.fleet.nodes.freeze(me, "db1");
    assert.equal(opens(1), true);
    await bench.fleet.nodes.thaw(me, "db1");
    await proveIt(2, "two");
    assert.deepEqual([opens(1), opens(2)], [false, true]);
    await bench.fleet.nodes.revoke(me, "db1");
    assert.equal(opens(2), false);
  });

  it("is known as well after a restart", async () => {
    await bench.unlock("disk/db1", "role:db");
    await proveIt(1, "one");
    await bench.putKey("disk/db1", ["one", "two"]);
    const again = await bench.open();
    const { versions } = await again.unlock(asNode("db1"), "data", "192.0.2.1");
    assert.deepEqual(
      versions.map(({ version }) => version),
      [2, 1],
    );
    again.close();
  });

  it("of a derived key nothing goes out but how it is made", async () => {
    const derivation = { scheme: "keyward-1", realm: "disk", kind: { kind: "luks" }, purpose: "" } as const;
    await bench.putDerived("disk/db2", 1, { derivation, encoding: "raw" } as never);
    await bench.unlock("disk/db2", "role:db");
    const { versions } = await ask();
    assert.deepEqual(versions, [{ version: 1, derived: { derivation, encoding: "raw" } }]);
    assert.equal(bench.opened.length, 0);
  });
});

describe("a grant that unlocks", () => {
  it("needs grant:run", async () => {
    const team = operator({ actions: ["grant:write", "key:read"], prefix: "disk/" });
    const delivery = {
      kind: "unlock",
      type: "luks",
      name: "data",
      device: "/dev/disk/by-id/one",
      start: [],
      atLoss: "close",
      conditions: {},
    } as const;
    await assert.rejects(bench.fleet.grants.add(team, { key: "disk/db1", query: "role:db", delivery }), {
      code: "denied",
    });
    const more = operator({ actions: ["grant:write", "key:read", "grant:run"], prefix: "disk/" });
    await bench.fleet.grants.add(more, { key: "disk/db1", query: "role:db", delivery });
  });

  it("is refused when it is none", async () => {
    const bad = [
      { name: "a/b" },
      { name: "control" },
      { device: "/etc/passwd" },
      { device: "/dev/../etc/passwd" },
      { device: "sdb" },
      { device: "/dev/sdb", createIfBlank: true as const },
      { start: ["rm -rf /"] },
      { start: ["--now.service"] },
      { atLoss: "burn" },
      { mount: { point: "//", fstype: "ext4", options: [] } },
      { mount: { point: "/srv/a b", fstype: "ext4", options: [] } },
      { mount: { point: "/srv", fstype: "vfat", options: [] } },
      { mount: { point: "/srv", fstype: "ext4", options: ["a,b"] } },
      { beneath: { group: "a/b", volume: "c" } },
      { above: { group: "", volume: "c" } },
      { conditions: { allowFrom: [] } },
      { conditions: { allowFrom: ["all"] } },
      { conditions: { between: "night" } },
      { conditions: { maxOpens: 0 } },
      { conditions: { approvals: 6 } },
    ];
    for (const more of bad)
      await assert.rejects(
        bench.unlock("disk/db1", "role:db", more),
        { code: "usage" },
        JSON.stringify(more),
      );
  });

  it("has its key and its name on a node to itself", async () => {
    await bench.unlock("disk/db1", "role:db");
    await bench.putKey("disk/more", ["x"]);
    await assert.rejects(bench.grant("disk/db1", "role:db", "/run/x"), {
      code: "conflict",
      message: /unlock a volume|file/,
    });
    await assert.rejects(bench.unlock("disk/db1", "name:db1", { name: "other" }), { code: "conflict" });
    await assert.rejects(bench.unlock("disk/more", "role:db"), {
      code: "conflict",
      message: /\/dev\/mapper\/data/,
    });
    await bench.grant("disk/more", "role:db", "/run/more");
    await assert.rejects(bench.unlock("disk/more", "role:db", { name: "more" }), { code: "conflict" });
  });

  it("is lost with the grant: the plan says so until the node has closed the volume", async () => {
    const { grant } = await bench.unlock("disk/db1", "role:db");
    await proveIt(1, "one");
    const { effect } = await bench.fleet.grants.remove(me, grant.id);
    assert.deepEqual(
      effect.map(({ change, path }) => [change, path]),
      [["lose", "/dev/mapper/data"]],
    );
    assert.equal((await bench.fleet.plan(me)).lines.length, 1);
    await bench.fleet.report(asNode("db1"), reportOf({ withdrawn: [{ key: "disk/db1", version: 1 }] }));
    assert.deepEqual((await bench.fleet.plan(me)).lines, []);
  });
});
