import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { utf8 } from "../base/bytes.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { nodes } from "../records/records.ts";
import { asNode, type Bench, createBench, me } from "./fleet-for-test.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
});

async function fill(): Promise<void> {
  await bench.putKey("db/x", ["one", "two"]);
  await bench.putNode("web1", { set: { role: "api" } });
  await bench.putNode("web2", { set: { role: "api" } }, "pending");
  await bench.grant("db/x", "role:api");
  await bench.receive("web1");
}

describe("a fleet", () => {
  it("is the same after a restart", async () => {
    await fill();
    const again = await bench.open();
    assert.deepEqual(again.status(), { ...bench.fleet.status(), revision: again.status().revision });
    assert.deepEqual(await again.plan(me), {
      ...(await bench.fleet.plan(me)),
      revision: again.status().revision,
    });
    assert.deepEqual(again.recipients("db/x"), bench.fleet.recipients("db/x"));
    const { entries } = await again.bundleFor(asNode("web1"), [{ key: "db/x", version: 2 }]);
    assert.deepEqual(
      entries.map((entry) => entry.value),
      [undefined],
    );
  });

  it("reads more records than fit on a page", async () => {
    await bench.transact((tx) => {
      for (let i = 0; i < 4500; i++) {
        const name = `n${i}` as NodeName;
        const attributes = { set: {}, attested: {}, inventory: {}, reported: {} };
        nodes.put(tx, { name, state: "active", created: bench.clock(), attributes });
      }
    });
    assert.equal((await bench.open()).status().nodes.active, 4500);
  });

  it("does not open on a record that belongs elsewhere", async () => {
    await fill();
    bench.fleet.close();
    const record = await bench.store.get("nodes/web1");
    await bench.transact((tx) => tx.put("nodes/web9", record?.value ?? utf8("")));
    await assert.rejects(createBench(bench.store), { code: "integrity" });
  });

  it("counts what there is", async () => {
    await fill();
    bench.fleet.changed("web1" as NodeName, () => {});
    const { revision, ...counts } = bench.fleet.status();
    assert.deepEqual(counts, {
      nodes: { pending: 1, active: 1, frozen: 0, revoked: 0 },
      grants: 1,
      keys: 1,
      watching: 1,
    });
    assert.equal(revision, await bench.store.revision());
  });

  it("says what enrolment and the removal of a key would do", async () => {
    await fill();
    const row = await bench.transact((tx) => nodes.get(tx, "web2"));
    assert.ok(row);
    const lines = bench.fleet.previewNode(row.name, { ...row, state: "active" });
    assert.deepEqual(
      lines.map(({ change, node, key }) => [change, node, key]),
      [["gain", "web2", "db/x"]],
    );
    const [lost] = bench.fleet.previewKeyRemoval("db/x" as KeyName);
    assert.deepEqual([lost?.change, lost?.node, lost?.reason], ["lose", "web1", "the key is removed"]);
  });

  it("says nothing of deliveries while the server is sealed", async () => {
    await fill();
    bench.rootKey.lock();
    assert.throws(() => bench.fleet.recipients("db/x"), { code: "sealed" });
    await assert.rejects(bench.fleet.plan(me), { code: "sealed" });
    await assert.rejects(bench.fleet.bundleFor(asNode("web1"), []), { code: "sealed" });
    bench.rootKey.unlock();
    assert.equal(bench.fleet.recipients("db/x").length, 1);
  });

  it("no longer follows the store once it is closed", async () => {
    await fill();
    bench.fleet.close();
    await bench.putNode("web3");
    assert.equal(bench.fleet.status().nodes.active, 1);
  });
});
