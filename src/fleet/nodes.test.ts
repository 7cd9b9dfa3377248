import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { AttributeTree } from "../model/node.ts";
import type { Allow } from "../model/principal.ts";
import { asNode, type Bench, createBench, me, operator } from "./fleet-for-test.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
});

const changes = (lines: readonly { change: string; node: string; key: string }[]): string[] =>
  lines.map(({ change, node, key }) => `${change} ${node} ${key}`);

describe("a node", () => {
  it("is added as pending, with its attributes as set", async () => {
    const { node, effect } = await bench.fleet.nodes.add(me, {
      name: "web1",
      attributes: { role: "api", "net.zone": "dmz" },
    });
    assert.equal(node.state, "pending");
    assert.deepEqual(node.attributes.set, { role: "api", net: { zone: "dmz" } });
    assert.deepEqual(effect, []);
    assert.deepEqual((await bench.fleet.nodes.show(me, "web1")).node, node);
  });

  it("cannot be added twice, or under a name that is none", async () => {
    await bench.fleet.nodes.add(me, { name: "web1" });
    await assert.rejects(bench.fleet.nodes.add(me, { name: "web1" }), { code: "conflict" });
    await assert.rejects(bench.fleet.nodes.add(me, { name: "../x" }), { code: "usage" });
  });

  it("that is not known is not found, whatever is done to it", async () => {
    const { nodes } = bench.fleet;
    for (const act of [nodes.show, nodes.freeze, nodes.thaw, nodes.revoke, nodes.remove]) {
      await assert.rejects(act(me, "web9"), { code: "not-found" });
    }
    await assert.rejects(nodes.set(me, "web9", { role: "api" }), { code: "not-found" });
  });

  it("is listed by name, state and query, page by page", async () => {
    for (const name of ["c", "a", "b", "d"])
      await bench.putNode(name, { set: { role: name < "c" ? "api" : "db" } });
    await bench.putNode("e", {}, "pending");
    const names = async (filter = {}) => {
      const { nodes, more } = await bench.fleet.nodes.list(me, filter);
      return [...nodes.map((node) => node.name), ...(more ? ["…"] : [])].join(" ");
    };
    assert.equal(await names(), "a b c d e");
    assert.equal(await names({ limit: 2 }), "a b …");
    assert.equal(await names({ limit: 2, after: "b" }), "c d …");
    assert.equal(await names({ after: "d" }), "e");
    assert.equal(await names({ after: "zz" }), "");
    assert.equal(await names({ state: "pending" }), "e");
    assert.equal(await names({ query: "role:api" }), "a b");
    await assert.rejects(bench.fleet.nodes.list(me, { query: "role:" }), { code: "malformed" });
  });

  it("each act needs its permission on the node's name, and has its event", async () => {
    await bench.putNode("web1");
    const reader = operator({ actions: ["node:read"], prefix: "web1" });
    await bench.fleet.nodes.show(reader, "web1");
    await assert.rejects(bench.fleet.nodes.show(reader, "web2"), { code: "denied" });
    await bench.putNode("web2");
    assert.deepEqual(
      (await bench.fleet.nodes.list(reader)).nodes.map((node) => node.name),
      ["web1"],
    );
    assert.deepEqual(await bench.fleet.testQuery(reader, "*:*"), { nodes: ["web1"] });
    await assert.rejects(bench.fleet.nodes.list(operator()), { code: "denied" });
    await assert.rejects(bench.fleet.nodes.set(reader, "web1", { role: "api" }), { code: "denied" });
    await assert.rejects(bench.fleet.nodes.revoke(asNode("web1"), "web1"), { code: "denied" });
    assert.deepEqual(
      (await bench.events()).map((event) => `${event.action} ${event.resource} ${event.outcome}`),
      [
        "node:read web1 ok",
        "node:read web2 denied",
        "node:read web1 ok",
        "node:read web1 ok",
        "node:read  denied",
        "node:write web1 denied",
        "node:write web1 denied",
      ],
    );
  });
});

describe("the effect of a change of a node", () => {
  beforeEach(async () => {
    await bench.putKey("db/x", ["secret"]);
    await bench.putKey("web/y", ["other"]);
    await bench.putNode("web1", { set: { role: "api" }, attested: { env: "prod" } });
    await bench.grant("db/x", "role:db");
    await bench.grant("web/y", "role:api AND env:prod");
  });

  it("an attribute set: who gains and who loses what, and why", async () => {
    const { node, effect } = await bench.fleet.nodes.set(me, "web1", { role: "db" });
    assert.deepEqual(node.attributes.set, { role: "db" });
    assert.deepEqual(changes(effect), ["gain web1 db/x", "lose web1 web/y"]);
    assert.equal(effect[0]?.reason, 'role:db: role is "db" (set)');
    assert.equal(effect[1]?.reason, 'no longer matches role:api AND env:prod: role is "db" (set)');
  });

  it("a reason names every attribute that decided, with its origin", async () => {
    await bench.fleet.nodes.set(me, "web1", { role: null });
    const { effect } = await bench.fleet.nodes.set(me, "web1", { role: "api" });
    assert.equal(effect[0]?.reason, 'role:api AND env:prod: role is "api" (set), env is "prod" (attested)');
  });

  it("a dry run says the same and keeps nothing", async () => {
    const { effect } = await bench.fleet.nodes.set({ ...me, dryRun: true }, "web1", { role: "db" });
    assert.deepEqual(changes(effect), ["gain web1 db/x", "lose web1 web/y"]);
    assert.deepEqual(await bench.receive("web1"), { "web/y": "other" });
    assert.equal((await bench.events("node:write")).length, 0);
  });

  it("the name cannot be set", async () => {
    await assert.rejects(bench.fleet.nodes.set(me, "web1", { name: "db1" }), { code: "usage" });
  });

  it("more attributes than queries may look at are refused", async () => {
    const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`a${i}`, "x"]));
    await assert.rejects(bench.fleet.nodes.set(me, "web1", { x: many }), { code: "too-large" });
  });

  it("a freeze moves nothing; a thaw says what comes then", async () => {
    await bench.receive("web1");
    const frozen = await bench.fleet.nodes.freeze(me, "web1", "probably cloned");
    assert.deepEqual(frozen.effect, []);
    assert.equal(frozen.node.reason, "probably cloned");
    assert.deepEqual((await bench.fleet.nodes.set(me, "web1", { role: "db" })).effect, []);
    const thawed = await bench.fleet.nodes.thaw(me, "web1");
    assert.deepEqual(changes(thawed.effect), ["gain web1 db/x", "lose web1 web/y"]);
    assert.equal(thawed.node.reason, undefined);
  });

  it("a revocation takes everything, and is not undone by a thaw or a freeze", async () => {
    const { effect } = await bench.fleet.nodes.revoke(me, "web1", "stolen");
    assert.deepEqual(changes(effect), ["lose web1 web/y"]);
    assert.equal(effect[0]?.reason, "the node is revoked");
    await assert.rejects(bench.fleet.nodes.thaw(me, "web1"), { code: "conflict" });
    await assert.rejects(bench.fleet.nodes.freeze(me, "web1"), { code: "conflict" });
  });

  it("a pending node cannot be frozen or thawed into activity", async () => {
    await bench.fleet.nodes.add(me, { name: "new" });
    await assert.rejects(bench.fleet.nodes.freeze(me, "new"), { code: "conflict" });
    await assert.rejects(bench.fleet.nodes.thaw(me, "new"), { code: "conflict" });
  });

  it("a removal forgets the node and what was delivered to it", async () => {
    await bench.receive("web1");
    assert.equal((await bench.fleet.nodes.show(me, "web1")).holds.length, 1);
    const { effect } = await bench.fleet.nodes.remove(me, "web1");
    assert.equal(effect[0]?.reason, "the node is removed");
    await assert.rejects(bench.fleet.nodes.show(me, "web1"), { code: "not-found" });
    assert.deepEqual(bench.fleet.recipients("web/y"), []);
    await bench.putNode("web1");
    assert.deepEqual((await bench.fleet.nodes.show(me, "web1")).holds, []);
  });

  it("is written down: what was changed to what", async () => {
    await bench.fleet.nodes.set(me, "web1", { "net.zone": "dmz" });
    await bench.fleet.nodes.freeze(me, "web1", "why not");
    assert.deepEqual(
      (await bench.events("node:write")).map((event) => event.detail),
      [
        { change: "set", attributes: '{"net.zone":"dmz"}' },
        { change: "freeze", reason: "why not" },
      ],
    );
  });
});

describe("attributes by someone whose rule is not for every node", () => {
  const own = { actions: ["node:write"], prefix: "web1" } as const;
  beforeEach(async () => {
    await bench.putKey("db/x", ["secret"]);
    await bench.putKey("web/y", ["other"]);
    await bench.putNode("web1", { set: { role: "web" } });
    await bench.grant("db/x", "role:db AND NOT env:test");
    await bench.grant("web/y", "role:web");
  });
  const denied = (attributes: AttributeTree, ...allow: Allow[]) =>
    assert.rejects(bench.fleet.nodes.set(operator(own, ...allow), "web1", attributes), {
      code: "denied",
      message: "operator:alice: node web1 would win db/x",
    });

  it("win no key that they may not grant", async () => {
    await denied({ role: ["web", "db"] });
    await denied({ role: ["web", "db"] }, { actions: ["grant:write"], prefix: "web/" });
    const granting = operator(own, { actions: ["grant:write"], prefix: "db/" });
    const { effect } = await bench.fleet.nodes.set(granting, "web1", { role: ["web", "db"] });
    assert.deepEqual(changes(effect), ["gain web1 db/x"]);
    const event = (await bench.events("node:write")).find(({ outcome }) => outcome === "denied");
    assert.equal(event?.resource, "web1");
  });

  it("win none by what they remove either, and none for a time when it is thawed", async () => {
    await bench.fleet.nodes.set(me, "web1", { role: ["web", "db"], env: "test" });
    await denied({ env: null });
    await bench.fleet.nodes.freeze(operator(own), "web1");
    await denied({ env: "prod" });
  });

  it("may say and take away what wins nothing", async () => {
    const { nodes } = bench.fleet;
    await nodes.set(operator(own), "web1", { rack: "a7" });
    const { effect } = await nodes.set(operator(own), "web1", { role: null });
    assert.deepEqual(changes(effect), ["lose web1 web/y"]);
    await assert.rejects(nodes.set(operator(own), "web1", { role: "web" }), { code: "denied" });
    await nodes.set(operator({ actions: ["node:write"], prefix: "" }), "web1", { role: "db" });
  });

  it("are for nodes that have enrolled: what the others win is not known yet", async () => {
    const { nodes } = bench.fleet;
    const other = operator({ actions: ["node:write"], prefix: "web2" });
    await assert.rejects(nodes.add(other, { name: "web2", attributes: { rack: "a7" } }), { code: "denied" });
    await nodes.add(other, { name: "web2" });
    await assert.rejects(nodes.set(other, "web2", { rack: "a7" }), { code: "denied" });
  });
});
