import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, isKeywardError } from "../base/errors.ts";
import type { Part } from "../model/inventory.ts";
import type { AttributeTree } from "../model/node.ts";
import { inventoryRows, nodes } from "../records/records.ts";
import { createBench, me, operator, turn } from "./fleet-for-test.ts";

const refused = (promise: Promise<unknown>, code: ErrorCode) =>
  assert.rejects(promise, (error) => isKeywardError(error, code) || assert.fail(String(error)));
const part = (name: string, attributes: AttributeTree): Part => ({ name, attributes });
const said = (name: string, tags: string[], roles: string[] = []) => ({
  name,
  parts: [part("normal", { tags }), part("automatic", { roles })],
});

async function withGrant() {
  const bench = await createBench();
  await bench.putKey("db/password", ["one"]);
  for (const name of ["web1", "web2"]) await bench.putNode(name, {}, "active");
  await bench.fleet.grants.add(me, {
    key: "db/password",
    query: "tags:db",
    delivery: { kind: "file", path: "db.key", mode: 0o400, offline: "never" },
  });
  return { ...bench, inventories: bench.fleet.inventories };
}
const gains = (effect: readonly { change: string; node: string }[]) =>
  effect.map(({ change, node }) => `${change} ${node}`);

test("what a source says is reported: it grants nothing, and why says so", async () => {
  const { fleet, inventories } = await withGrant();
  const put = await inventories.put(me, "chef", [said("web1", ["db"]), said("new1", ["db"])]);
  assert.deepEqual([put.made, put.changed, put.effect], [["new1"], ["web1"], []]);
  assert.equal((await fleet.nodes.show(me, "new1")).node.state, "pending");
  assert.deepEqual((await fleet.plan(me)).lines, []);
  assert.match(
    (await fleet.why(me, "web1", "db/password")).summary,
    /tags is "db" \(reported\), and what a node reports of itself does not count/,
  );
  const again = await inventories.put(me, "chef", [said("web1", ["db"]), said("new1", ["db"])]);
  assert.deepEqual([again.made, again.changed, again.unchanged], [[], [], 2]);
});

test("an accepted part grants, plan warns, and taking it back takes the key away", async () => {
  const { fleet, inventories } = await withGrant();
  await inventories.put(me, "chef", [said("web1", ["db"]), said("web2", ["other"])]);
  const rehearsed = await inventories.accept({ ...me, dryRun: true }, "chef", {
    accept: ["normal"],
    refuse: [],
  });
  assert.deepEqual(gains(rehearsed.effect), ["gain web1"]);
  assert.deepEqual((await inventories.list(me))[0]?.accepted, []);
  const { source, effect } = await inventories.accept(me, "chef", { accept: ["normal"], refuse: [] });
  assert.deepEqual([source, gains(effect)], [{ name: "chef", accepted: ["normal"] }, ["gain web1"]]);
  await turn();
  const plan = await fleet.plan(me);
  assert.deepEqual(gains(plan.lines), ["gain web1"]);
  assert.match(plan.warnings[0] ?? "", /^chef\.normal is accepted/);
  const moved = await inventories.put(me, "chef", [said("web1", []), said("web2", ["db"])]);
  assert.deepEqual(gains(moved.effect), ["lose web1", "gain web2"]);
  await turn();
  const back = await inventories.accept(me, "chef", { accept: [], refuse: ["normal"] });
  assert.deepEqual(gains(back.effect), ["lose web2"]);
  await turn();
  assert.deepEqual(await fleet.plan(me).then(({ lines, warnings }) => [lines, warnings]), [[], []]);
});

test("the inventory and the agent do not overwrite each other, and what is set wins", async () => {
  const { fleet, inventories, transact } = await withGrant();
  await inventories.put(me, "chef", [said("web1", ["db"])]);
  await inventories.accept(me, "chef", { accept: ["normal"], refuse: [] });
  await transact(async (tx) => {
    const node = await nodes.get(tx, "web1");
    if (node !== null)
      nodes.put(tx, { ...node, attributes: { ...node.attributes, reported: { tags: ["mine"] } } });
  });
  await inventories.put(me, "chef", [said("web1", ["db", "ssl"])]);
  const { node, inventories: all } = await fleet.nodes.show(me, "web1");
  assert.deepEqual(node.attributes.reported, { tags: ["mine"] });
  assert.deepEqual(node.attributes.inventory, { tags: ["db", "ssl"] });
  assert.deepEqual(all, [{ source: "chef", attributes: { tags: ["db", "ssl"], roles: [] } }]);
  await turn();
  await fleet.nodes.set(me, "web1", { tags: ["none"] });
  await turn();
  assert.deepEqual((await fleet.plan(me)).lines, []);
});

test("a node that is gone loses what the source said; one that only the source knew is forgotten", async () => {
  const { fleet, inventories, transact } = await withGrant();
  await inventories.put(me, "chef", [said("web1", ["db"]), said("new1", [])]);
  await inventories.accept(me, "chef", { accept: ["normal"], refuse: [] });
  await turn();
  const rehearsed = await inventories.finish({ ...me, dryRun: true }, "chef", { names: [] });
  assert.deepEqual([rehearsed.gone, gains(rehearsed.effect)], [["new1", "web1"], ["lose web1"]]);
  assert.equal((await transact((tx) => inventoryRows.list(tx))).length, 2);
  await inventories.finish(me, "chef", { names: [] });
  assert.equal((await transact((tx) => inventoryRows.list(tx))).length, 0);
  assert.deepEqual((await fleet.nodes.show(me, "web1")).node.attributes.inventory, {});
  await refused(fleet.nodes.show(me, "new1"), "not-found");
});

test("when many are gone at once nothing is taken away unless that is said", async () => {
  const { inventories } = await withGrant();
  const many = Array.from({ length: 30 }, (_, i) => said(`n${i}`, []));
  await inventories.put(me, "chef", many);
  await refused(inventories.finish(me, "chef", { names: ["n1"] }), "conflict");
  assert.equal((await inventories.finish(me, "chef", { names: ["n1"], atMost: 29 })).gone.length, 29);
});

test("a node that says too much, or bears no name, is refused and the others are taken", async () => {
  const { inventories } = await withGrant();
  const put = await inventories.put(me, "chef", [
    said("a;b", []),
    { name: "big", parts: [part("normal", { text: "x".repeat(300_000) })] },
    said("ok", []),
  ]);
  assert.deepEqual(put.made, ["ok"]);
  assert.deepEqual(
    put.refused.map(({ name }) => name),
    ["a;b", "big"],
  );
});

test("each node that changes has an event of its own, and a removed one is forgotten by every source", async () => {
  const { fleet, inventories, events, transact } = await withGrant();
  await inventories.put(me, "chef", [said("web1", ["db"]), said("web2", [])]);
  const about = (await events()).filter(({ action }) => action === "inventory:write");
  assert.deepEqual(
    about.map(({ resource, detail }) => `${resource} ${detail?.node} ${detail?.change}`),
    ["chef web1 changed", "chef web2 changed"],
  );
  await fleet.nodes.remove(me, "web1");
  assert.deepEqual(
    (await transact((tx) => inventoryRows.list(tx))).map(({ node }) => node),
    ["web2"],
  );
});

test("a token for one source writes that source; to accept takes the right over every node", async () => {
  const { inventories } = await withGrant();
  const writer = operator({ actions: ["inventory:write"], prefix: "chef" });
  await inventories.put(writer, "chef", [said("web1", ["db"])]);
  await inventories.finish(writer, "chef", { names: ["web1"] });
  await refused(inventories.put(writer, "other", [said("web1", [])]), "denied");
  await refused(inventories.accept(writer, "chef", { accept: ["normal"], refuse: [] }), "denied");
  await refused(inventories.list(writer), "denied");
});
