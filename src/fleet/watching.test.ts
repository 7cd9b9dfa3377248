import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { NodeName } from "../model/name.ts";
import { asNode, type Bench, createBench, me, reportOf } from "./fleet-for-test.ts";

let bench: Bench;
let told: string[];

beforeEach(async () => {
  bench = await createBench();
  told = [];
  await bench.putKey("db/x", ["one"]);
  await bench.putNode("web1", { set: { role: "api" } });
  await bench.putNode("web2", { set: { role: "db" } });
  await bench.grant("db/x", "role:api");
});

const watch = (node: string) =>
  bench.fleet.changed(node as NodeName, (notice) => told.push(`${node} ${notice}`));

describe("a watch", () => {
  it("is told when the commit that concerns it is acknowledged, and of nothing else", async () => {
    watch("web1");
    watch("web2");
    await bench.putKey("db/x", ["one", "two"]);
    assert.deepEqual(told, ["web1 changed"]);
    await bench.putKey("db/other", ["one"]);
    await bench.putNode("web3", { set: { role: "api" } });
    assert.deepEqual(told, ["web1 changed"]);
    await bench.fleet.nodes.set(me, "web2", { role: "api" });
    assert.deepEqual(told, ["web1 changed", "web2 changed"]);
  });

  it("is told of a grant that comes and goes", async () => {
    watch("web2");
    const { grant } = await bench.grant("db/x", "role:db");
    await bench.fleet.grants.remove(me, grant.id);
    assert.deepEqual(told, ["web2 changed", "web2 changed"]);
  });

  it("is told once for all that one commit changes", async () => {
    watch("web1");
    const both = [bench.putKey("db/x", ["one", "two"]), bench.fleet.nodes.set(me, "web1", { role: "db" })];
    await Promise.all(both);
    assert.deepEqual(told, ["web1 changed"]);
  });

  it("is not told of what changes nothing for the node", async () => {
    watch("web1");
    await bench.fleet.nodes.set(me, "web1", { colour: "blue" });
    await bench.fleet.report(asNode("web1"), reportOf({ facts: { role: "db" } }));
    await bench.fleet.bundleFor(asNode("web1"), []);
    await bench.grant("db/x", "role:api AND env:none", "/run/other");
    assert.deepEqual(told, []);
  });

  it("is told nothing while the node is frozen, and all at the thaw", async () => {
    watch("web1");
    await bench.fleet.nodes.freeze(me, "web1");
    await bench.putKey("db/x", ["one", "two"]);
    await bench.fleet.nodes.set(me, "web1", { role: "db" });
    assert.deepEqual(told, []);
    await bench.fleet.nodes.thaw(me, "web1");
    assert.deepEqual(told, ["web1 changed"]);
  });

  it("is refused when the node is revoked or removed, frozen before or not", async () => {
    watch("web1");
    watch("web2");
    await bench.fleet.nodes.freeze(me, "web1");
    await bench.fleet.nodes.revoke(me, "web1");
    await bench.fleet.nodes.remove(me, "web2");
    assert.deepEqual(told, ["web1 refused", "web2 refused"]);
  });

  it("of a node that is revoked or unknown already is refused at once", async () => {
    await bench.fleet.nodes.revoke(me, "web1");
    watch("web1");
    watch("web9");
    await Promise.resolve();
    assert.deepEqual(told, ["web1 refused", "web9 refused"]);
  });

  it("ends when it is ended", async () => {
    const end = watch("web1");
    assert.ok(bench.fleet.isWatched("web1" as NodeName));
    end();
    end();
    assert.equal(bench.fleet.isWatched("web1" as NodeName), false);
    await bench.putKey("db/x", ["one", "two"]);
    assert.deepEqual(told, []);
  });

  it("may end itself or another when it is told", async () => {
    const ends = ["web1", "web1", "web1"].map((node) =>
      bench.fleet.changed(node as NodeName, () => {
        told.push(node);
        for (const end of ends) end();
      }),
    );
    await bench.putKey("db/x", ["one", "two"]);
    await bench.putKey("db/x", ["one", "two", "three"]);
    assert.ok(told.length >= 1 && told.length <= 3);
    assert.equal(bench.fleet.status().watching, 0);
  });

  it("of one node may be there twice", async () => {
    const end = watch("web1");
    watch("web1");
    end();
    await bench.putKey("db/x", ["one", "two"]);
    assert.deepEqual(told, ["web1 changed"]);
  });
});
