import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { toBase64 } from "../base/bytes.ts";
import { nodes } from "../records/records.ts";
import { asNode, type Bench, createBench, me, proofOf, reportOf } from "./fleet-for-test.ts";
import type { Report } from "./report.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
  await bench.putKey("db/x", ["secret"]);
  await bench.putNode("web1", { set: { role: "api" } });
  await bench.putNode("web2", { set: { role: "api" } });
  await bench.grant("db/x", "role:api");
});

const x1 = { key: "db/x", version: 1 };
const report = (parts: Partial<Report>, node = "web1") => bench.fleet.report(asNode(node), reportOf(parts));
const challenge = async (node = "web1") => (await bench.fleet.bundleFor(asNode(node), [])).challenge;
const held = async () => (await bench.fleet.nodes.show(me, "web1")).holds[0];
const details = async () => (await bench.events("node:report")).map((event) => event.detail);

describe("a proof", () => {
  it("of what was sent is accepted, recorded and has an event", async () => {
    const asked = await challenge();
    bench.tick(5);
    const answer = await report({ challenge: asked, proofs: [proofOf("web1", asked, "db/x", 1, "secret")] });
    assert.deepEqual(answer, { accepted: [x1], refused: [] });
    assert.equal((await held())?.proved, bench.clock());
    assert.deepEqual(await details(), [{ ...x1, proved: true }]);
  });

  it("given again is accepted again and writes nothing", async () => {
    const asked = await challenge();
    const proofs = [proofOf("web1", asked, "db/x", 1, "secret")];
    await report({ challenge: asked, proofs });
    const before = await bench.store.revision();
    assert.deepEqual(await report({ challenge: asked, proofs }), { accepted: [x1], refused: [] });
    assert.equal(await bench.store.revision(), before);
    const wrong = [proofOf("web1", asked, "db/x", 1, "guess")];
    assert.deepEqual(await report({ challenge: asked, proofs: wrong }), { accepted: [], refused: [x1] });
  });

  it("with a wrong value, node, version, key or challenge is refused, with an event", async () => {
    const asked = await challenge();
    await bench.putKey("db/y", ["secret"]);
    for (const [why, parts] of Object.entries({
      value: { challenge: asked, proofs: [proofOf("web1", asked, "db/x", 1, "guess")] },
      "another node's proof": { challenge: asked, proofs: [proofOf("web2", asked, "db/x", 1, "secret")] },
      "a challenge of its own": {
        challenge: toBase64(new Uint8Array(32)),
        proofs: [proofOf("web1", toBase64(new Uint8Array(32)), "db/x", 1, "secret")],
      },
      "no challenge": { challenge: "", proofs: [proofOf("web1", asked, "db/x", 1, "secret")] },
      version: { challenge: asked, proofs: [proofOf("web1", asked, "db/x", 2, "secret")] },
      "a key that it was not sent": {
        challenge: asked,
        proofs: [proofOf("web1", asked, "db/y", 1, "secret")],
      },
      "no base64": { challenge: asked, proofs: [{ ...x1, proof: "?" }] },
      "cut short": { challenge: asked, proofs: [{ ...x1, proof: toBase64(new Uint8Array(31)) }] },
    })) {
      const before = (await details()).length;
      const { accepted, refused } = await report(parts);
      assert.deepEqual([accepted.length, refused.length], [0, 1], why);
      assert.equal((await details()).length, before + 1, why);
    }
    assert.equal((await held())?.proved, undefined);
  });

  it("of an old challenge is refused", async () => {
    const asked = await challenge();
    bench.tick(25 * 3_600_000);
    const { refused } = await report({
      challenge: asked,
      proofs: [proofOf("web1", asked, "db/x", 1, "secret")],
    });
    assert.deepEqual(refused, [x1]);
  });

  it("is forgotten when the version is sent again", async () => {
    const asked = await challenge();
    await report({ challenge: asked, proofs: [proofOf("web1", asked, "db/x", 1, "secret")] });
    await challenge();
    assert.equal((await held())?.proved, undefined);
  });

  it("wipes the values that it looked at", async () => {
    const asked = await challenge();
    await report({ challenge: asked, proofs: [proofOf("web1", asked, "db/x", 1, "secret")] });
    assert.ok(bench.opened.every((secret) => secret.length === 0));
  });

  it("counts once in a report, however often it is claimed", async () => {
    const asked = await challenge();
    const proof = proofOf("web1", asked, "db/x", 1, "secret");
    const { accepted, refused } = await report({ challenge: asked, proofs: [proof, proof, proof] });
    assert.deepEqual([accepted.length, refused.length], [1, 2]);
  });
});

describe("a withdrawal", () => {
  it("is recorded, has an event, and ends what the plan says is to be lost", async () => {
    await challenge();
    await bench.fleet.nodes.set(me, "web1", { role: "db" });
    assert.equal((await bench.fleet.plan(me, { node: "web1" })).lines.length, 1);
    await report({ withdrawn: [x1] });
    assert.equal((await held())?.withdrawn, bench.clock());
    assert.deepEqual((await bench.fleet.plan(me, { node: "web1" })).lines, []);
    assert.deepEqual(await details(), [{ ...x1, withdrawn: true }]);
    await report({ withdrawn: [x1] });
    assert.equal((await details()).length, 1);
  });

  it("of what was never sent is passed over", async () => {
    await report({ withdrawn: [x1, { key: "no", version: 7 }] });
    assert.deepEqual(await details(), []);
  });

  it("is taken back by a proof", async () => {
    const asked = await challenge();
    await report({ withdrawn: [x1] });
    await report({ challenge: asked, proofs: [proofOf("web1", asked, "db/x", 1, "secret")] });
    const record = await held();
    assert.equal(record?.withdrawn, undefined);
    assert.equal(record?.proved, bench.clock());
  });
});

describe("what else a node reports", () => {
  it("drift and failures of its keys have an event each; what it says of other keys is passed over", async () => {
    await challenge();
    await report({
      drift: [
        { key: "db/x", path: "/run/x", found: "removed", repaired: true },
        { key: "other", path: "/run/x", found: "removed", repaired: true },
      ],
      failures: [{ key: "db/x", path: "/run/x", message: "hook ended with status 1" }],
    });
    assert.deepEqual(await details(), [
      { key: "db/x", path: "/run/x", drift: "removed", repaired: true },
      { key: "db/x", path: "/run/x", failure: "hook ended with status 1" },
    ]);
  });

  it("a failure is said by the record and by the plan until the node proves the version", async () => {
    const plan = async () => (await bench.fleet.plan(me, { node: "web1" })).lines;
    const asked = await challenge();
    assert.deepEqual(await plan(), []);
    await report({ failures: [{ key: "db/x", path: "/run/x", message: "the disk is full" }] });
    assert.equal((await held())?.failed, "the disk is full");
    const [line, ...more] = await plan();
    assert.deepEqual([line?.change, line?.node, line?.key, more.length], ["gain", "web1", "db/x", 0]);
    assert.match(line?.reason ?? "", /; the node could not: the disk is full$/);
    await challenge();
    assert.equal((await plan()).length, 1);
    await report({ challenge: asked, proofs: [proofOf("web1", asked, "db/x", 1, "secret")] });
    assert.equal((await held())?.failed, undefined);
    assert.deepEqual(await plan(), []);
  });

  it("what failed after its proof is said, and is no change to come", async () => {
    const asked = await challenge();
    const proofs = [proofOf("web1", asked, "db/x", 1, "secret")];
    const failures = [{ key: "db/x", path: "/run/x", message: "hook ended with status 1" }];
    await report({ challenge: asked, proofs, failures });
    assert.equal((await held())?.failed, "hook ended with status 1");
    assert.deepEqual((await bench.fleet.plan(me, { node: "web1" })).lines, []);
    await report({ challenge: asked, proofs });
    assert.equal((await held())?.failed, undefined);
  });

  it("a flood of drift has few events, and the next minute tells how many there were", async () => {
    await challenge();
    const one = { key: "db/x", path: "/run/x", found: "changed", repaired: true } as const;
    const drift = Array.from({ length: 1500 }, () => one);
    await report({ drift });
    await report({ drift });
    assert.equal((await details()).length, 2000);
    bench.tick(60_000);
    await report({ drift: [one] });
    assert.equal((await details()).at(-1)?.heldBack, 1000);
  });

  it("facts are kept as reported, have one event when they change, and grant nothing", async () => {
    await bench.putNode("web3");
    const facts = { role: "api", os: { name: "debian" } };
    await report({ facts }, "web3");
    await report({ facts }, "web3");
    assert.deepEqual(await details(), [{ facts: 2 }]);
    const node = await bench.transact((tx) => nodes.get(tx, "web3"));
    assert.deepEqual(node?.attributes.reported, facts);
    assert.deepEqual(await bench.receive("web3"), {});
    assert.match(
      (await bench.fleet.why(me, "web3", "db/x")).summary,
      /what a node reports of itself does not count/,
    );
  });

  it("too much of itself is refused", async () => {
    await assert.rejects(report({ facts: { x: "y".repeat(300_000) } }), { code: "too-large" });
    const deep = JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`);
    await assert.rejects(report({ facts: deep }), { code: "too-large" });
  });

  it("an empty report writes nothing", async () => {
    const before = await bench.store.revision();
    assert.deepEqual(await report({}), { accepted: [], refused: [] });
    assert.equal(await bench.store.revision(), before);
  });
});

describe("who may report", () => {
  it("an active node, for itself", async () => {
    await assert.rejects(bench.fleet.report(me, reportOf({})), { code: "denied" });
    await bench.fleet.nodes.freeze(me, "web1");
    await assert.rejects(report({ facts: { a: 1 } }), { code: "denied" });
    await bench.fleet.nodes.revoke(me, "web1");
    await assert.rejects(report({ withdrawn: [x1] }), { code: "denied" });
  });
});
