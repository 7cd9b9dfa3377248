import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { KeyName } from "../model/name.ts";
import { asNode, type Bench, createBench, me, proofOf, reportOf, turn } from "./fleet-for-test.ts";

let bench: Bench;
let told: string[];
const x = "db/x" as KeyName;

beforeEach(async () => {
  bench = await createBench();
  told = [];
  for (const name of ["web1", "web2"]) await bench.putNode(name, { set: { role: "api" } });
  await bench.putKey("db/x", ["one"]);
  await bench.grant("db/x", "role:api");
});

const listen = (fleet = bench.fleet) => fleet.onProved((key, version) => void told.push(`${key}@${version}`));
const stage = () => bench.putKey("db/x", ["one", "two"], "pending");

async function proveOn(node: string): Promise<void> {
  const { challenge } = await bench.fleet.bundleFor(asNode(node), []);
  await bench.fleet.report(
    asNode(node),
    reportOf({ challenge, proofs: [proofOf(node, challenge, "db/x", 2, "two")] }),
  );
  await turn();
}

describe("a rotation", () => {
  it("goes on once every node that should hold the key has proved the pending version", async () => {
    listen();
    await stage();
    await proveOn("web1");
    assert.equal(bench.fleet.pendingProved(x), false);
    assert.deepEqual(told, []);
    await proveOn("web2");
    assert.equal(bench.fleet.pendingProved(x), true);
    assert.deepEqual(told, ["db/x@2"]);
  });

  it("is told once, and anew for the next version", async () => {
    listen();
    await stage();
    await proveOn("web1");
    await proveOn("web2");
    await bench.putNode("web3");
    await turn();
    assert.deepEqual(told, ["db/x@2"]);
    await bench.putKey("db/x", ["one", "two"]);
    await bench.fleet.nodes.revoke(me, "web1");
    await bench.fleet.nodes.revoke(me, "web2");
    await bench.putKey("db/x", ["one", "two", "three"], "pending");
    await turn();
    assert.deepEqual(told, ["db/x@2", "db/x@3"]);
  });

  it("goes on at once when nobody should hold the key", async () => {
    listen();
    await bench.putKey("db/lonely", ["one", "two"], "pending");
    await turn();
    assert.deepEqual(told, ["db/lonely@2"]);
  });

  it("does not wait for a node that is frozen, revoked, gone or no longer matches", async () => {
    for (const leave of [
      () => bench.fleet.nodes.freeze(me, "web2"),
      () => bench.fleet.nodes.revoke(me, "web2"),
      () => bench.fleet.nodes.remove(me, "web2"),
      () => bench.fleet.nodes.set(me, "web2", { role: "db" }),
    ]) {
      await bench.putKey("db/x", ["one"]);
      await bench.putNode("web2", { set: { role: "api" } });
      await turn();
      told = [];
      const end = listen();
      await stage();
      await proveOn("web1");
      assert.deepEqual(told, []);
      await leave();
      await turn();
      assert.deepEqual(told, ["db/x@2"]);
      end();
    }
  });

  it("does not count a wrong proof, or one that was taken back by a withdrawal", async () => {
    listen();
    await stage();
    await proveOn("web1");
    await bench.fleet.report(asNode("web1"), reportOf({ withdrawn: [{ key: "db/x", version: 2 }] }));
    await proveOn("web2");
    assert.deepEqual(told, []);
    await proveOn("web1");
    assert.deepEqual(told, ["db/x@2"]);
  });

  it("does not wait for a node on which an older grant has the path", async () => {
    await bench.putKey("db/y", ["one", "two"], "pending");
    await bench.putNode("web3", { set: { role: "db" } });
    await bench.grant("db/y", "role:db", "/run/db/x");
    await bench.fleet.nodes.set(me, "web3", { role: ["db", "api"] });
    assert.equal(bench.fleet.pendingProved("db/y" as KeyName), true);
  });

  it("resumes after a restart", async () => {
    await stage();
    await proveOn("web1");
    await proveOn("web2");
    const again = await bench.open();
    listen(again);
    await turn();
    assert.deepEqual(told, ["db/x@2"]);
  });

  it("waits while the server is sealed, and goes on after the unseal", async () => {
    await stage();
    await proveOn("web1");
    await proveOn("web2");
    bench.rootKey.lock();
    listen();
    await turn();
    assert.deepEqual(told, []);
    bench.rootKey.unlock();
    bench.fleet.resume();
    await turn();
    assert.deepEqual(told, ["db/x@2"]);
  });

  it("is tried again at the next change when the listener fails", async () => {
    let failures = 1;
    bench.fleet.onProved(async (key, version) => {
      told.push(`${key}@${version}`);
      if (failures-- > 0) throw new Error("the disk is full");
    });
    await stage();
    await proveOn("web1");
    await proveOn("web2");
    await bench.putNode("web3");
    await turn();
    assert.deepEqual(told, ["db/x@2", "db/x@2"]);
  });
});
