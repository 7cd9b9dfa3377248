import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { asNode, type Bench, createBench, me, operator } from "./fleet-for-test.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
  await bench.putKey("db/x", ["secret"]);
  await bench.putKey("web/y", ["other"]);
  await bench.putNode("web1", { set: { role: "api" }, attested: { env: "prod" } });
  await bench.putNode("web2", { set: { role: "api" }, reported: { env: "prod" } });
});

const plan = async (filter = {}) =>
  (await bench.fleet.plan(me, filter)).lines.map(
    ({ change, node, key, reason }) => `${change} ${node} ${key}: ${reason}`,
  );

describe("the plan", () => {
  it("says who gains what, and why, until it is delivered", async () => {
    await bench.grant("db/x", "role:api AND env:prod");
    assert.deepEqual(await plan(), [
      'gain web1 db/x: role:api AND env:prod: role is "api" (set), env is "prod" (attested)',
    ]);
    await bench.receive("web1");
    assert.deepEqual(await plan(), []);
  });

  it("says what is replaced by the next version", async () => {
    const { grant } = await bench.grant("db/x", "name:web1");
    await bench.receive("web1");
    await bench.putKey("db/x", ["secret", "next"]);
    const { lines, revision } = await bench.fleet.plan(me);
    assert.ok(revision > 0);
    assert.deepEqual(lines, [
      {
        change: "replace",
        node: "web1",
        key: "db/x",
        path: "/run/db/x",
        grant: grant.id,
        version: 2,
        held: 1,
        reason: "version 2 follows version 1",
      },
    ]);
  });

  it("says what is lost, and why: no match, no grant, no key", async () => {
    const { grant } = await bench.grant("db/x", "role:api AND env:prod", "/run/x");
    await bench.receive("web1");
    await bench.fleet.nodes.set(me, "web1", { env: "stage" });
    assert.deepEqual(await plan(), [
      'lose web1 db/x: no longer matches role:api AND env:prod: env is "stage" (set)',
    ]);
    await bench.fleet.grants.remove(me, grant.id);
    assert.deepEqual(await plan(), ["lose web1 db/x: no grant of db/x puts it there"]);
    await bench.removeKey("db/x");
    assert.deepEqual(await plan(), ["lose web1 db/x: the key is removed"]);
  });

  it("is narrowed to a node or a key", async () => {
    await bench.grant("db/x", "role:api");
    await bench.grant("web/y", "role:api");
    assert.equal((await plan()).length, 4);
    assert.equal((await plan({ node: "web1" })).length, 2);
    assert.equal((await plan({ key: "db/x" })).length, 2);
    assert.equal((await plan({ key: "db/x", node: "web2" })).length, 1);
    await assert.rejects(plan({ node: "web9" }), { code: "not-found" });
  });

  it("leaves frozen and revoked nodes alone", async () => {
    await bench.grant("db/x", "role:api");
    await bench.receive("web1");
    await bench.receive("web2");
    await bench.fleet.nodes.freeze(me, "web1");
    await bench.fleet.nodes.revoke(me, "web2");
    await bench.putKey("db/x", ["secret", "next"]);
    assert.deepEqual(await plan(), []);
    await bench.fleet.nodes.thaw(me, "web1");
    assert.equal((await plan()).length, 1);
  });

  it("shows what the caller's rules cover", async () => {
    await bench.grant("db/x", "role:api");
    await bench.grant("web/y", "role:api");
    const reader = operator({ actions: ["grant:read"], prefix: "db/" });
    await bench.fleet.plan(reader, { key: "db/x" });
    await assert.rejects(bench.fleet.plan(reader, { key: "web/y" }), { code: "denied" });
    const { lines } = await bench.fleet.plan(reader);
    assert.deepEqual(
      lines.map(({ node, key }) => [node, key]),
      [
        ["web1", "db/x"],
        ["web2", "db/x"],
      ],
    );
    await assert.rejects(bench.fleet.plan(operator()), { code: "denied" });
  });
});

describe("why a node has a key, or has it not", () => {
  const why = (node: string, key = "db/x") => bench.fleet.why(me, node, key);

  it("it has it: the grant, the path and the attributes that decided", async () => {
    const { grant } = await bench.grant("db/x", "role:api AND (env:prod OR env:stage)");
    const answer = await why("web1");
    assert.equal(answer.has, true);
    assert.equal(
      answer.summary,
      `web1 has db/x at /run/db/x by ${grant.id}: role is "api" (set), env is "prod" (attested)`,
    );
    assert.deepEqual(answer.grants, [
      {
        grant,
        explanation: {
          matched: true,
          term: "role:api AND (env:prod OR env:stage)",
          because: 'role is "api" (set), env is "prod" (attested)',
          parts: [
            { matched: true, term: "role:api", because: 'role is "api" (set)', parts: [] },
            {
              matched: true,
              term: "env:prod OR env:stage",
              because: 'env is "prod" (attested)',
              parts: [
                { matched: true, term: "env:prod", because: 'env is "prod" (attested)', parts: [] },
                { matched: false, term: "env:stage", because: 'env is "prod" (attested)', parts: [] },
              ],
            },
          ],
        },
      },
    ]);
  });

  it("only its own report says so", async () => {
    const { grant } = await bench.grant("db/x", "role:api AND env:prod");
    const answer = await why("web2");
    assert.equal(answer.has, false);
    assert.equal(
      answer.summary,
      `web2 has no db/x: ${grant.id} wants role:api AND env:prod, but env is "prod" (reported), and what a node reports of itself does not count`,
    );
  });

  it("nobody is granted it, or there is no such key", async () => {
    assert.equal((await why("web1")).summary, "web1 has no db/x: no grant gives it to anyone");
    assert.equal((await why("web1", "db/none")).summary, "web1 has no db/none: there is no such key");
  });

  it("the node's state stands in the way", async () => {
    await bench.grant("db/x", "role:api");
    await bench.fleet.nodes.freeze(me, "web1");
    assert.match((await why("web1")).summary, /it is frozen/);
    await bench.fleet.nodes.revoke(me, "web1");
    assert.match((await why("web1")).summary, /it is revoked/);
  });

  it("an unknown node is not found", async () => {
    await assert.rejects(why("web9"), { code: "not-found" });
  });
});

describe("testing a query", () => {
  it("names the nodes that it selects, in any state", async () => {
    await bench.putNode("a", { set: { role: "api" } }, "pending");
    assert.deepEqual(await bench.fleet.testQuery(me, "role:api"), { nodes: ["a", "web1", "web2"] });
    assert.deepEqual(await bench.fleet.testQuery(me, "env:prod"), { nodes: ["web1"] });
  });

  it("explains a match or a miss on one node", async () => {
    const hit = await bench.fleet.testQuery(me, "role:api", "web1");
    assert.deepEqual(hit.nodes, ["web1"]);
    assert.equal(hit.explanation?.because, 'role is "api" (set)');
    const miss = await bench.fleet.testQuery(me, "NOT role:api", "web1");
    assert.deepEqual(miss.nodes, []);
    assert.deepEqual(miss.explanation?.parts[0]?.matched, true);
  });

  it("refuses a query that is none", async () => {
    await assert.rejects(bench.fleet.testQuery(me, "role:api role:db"), { code: "malformed" });
  });

  it("is not for nodes", async () => {
    await assert.rejects(bench.fleet.testQuery(asNode("web1"), "*:*"), { code: "denied" });
  });
});
