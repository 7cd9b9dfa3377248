import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { fromBase64, toBase64 } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import { x25519ToSpki } from "../crypto/agree.ts";
import { systemRandom } from "../crypto/random.ts";
import { openShare, type SealedShareFacts, sealShare } from "../formats/escrow/escrow.ts";
import { generateRecipient } from "../formats/hpke/keys.ts";
import type { NodeName } from "../model/name.ts";
import type { VolumeName } from "../model/volume.ts";
import { escrows } from "../records/records.ts";
import { asNode, type Bench, createBench, me, operator } from "./fleet-for-test.ts";

const people = ["alice", "bob", "carol"].map((name) => ({ name, pair: generateRecipient(systemRandom) }));
const holders = people.map(({ name, pair }) => ({ name, key: toBase64(x25519ToSpki(pair.publicKey)) }));
const escrow = { threshold: 2, shares: 3, holders };
const id = "0123456789abcdef";
const uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
  await bench.putKey("disk/db1", ["one"]);
  await bench.putNode("db1", { set: { role: "db" } });
});

const facts = (index: number, generation: number): SealedShareFacts => ({
  node: "db1" as NodeName,
  volume: "data" as VolumeName,
  ...{ uuid, generation, index, count: 3, threshold: 2 },
});
const sealedFor = (generation: number, wrong: Partial<SealedShareFacts> = {}) =>
  people.map(({ pair }, i) => {
    const share = Secret.fromText(`share ${i + 1} of ${generation}`);
    return toBase64(
      sealShare({ ...facts(i + 1, generation), ...wrong }, pair.publicKey, share, systemRandom),
    );
  });
const put = (generation: number, sealed = sealedFor(generation), node = "db1") =>
  bench.fleet.escrow(asNode(node), { name: "data", uuid, id, generation, sealed });
const recoveryOf = async () => (await bench.fleet.bundleFor(asNode("db1"), [])).volumes?.[0]?.recovery;

describe("the sealed shares of a recovery key", () => {
  it("are wanted by the grant, kept in one act, handed out with an event, and opened by their holders alone", async () => {
    await bench.unlock("disk/db1", "role:db", { escrow });
    assert.match((await bench.fleet.plan(me)).warnings.join(), /^db1\/data: to get a recovery key/);
    assert.deepEqual(await recoveryOf(), { generation: 0, due: true });
    assert.deepEqual((await bench.fleet.unlock(asNode("db1"), "data", undefined)).recovery, {
      generation: 0,
      due: true,
    });
    assert.deepEqual(await put(1), { generation: 1 });
    const { due, ...kept } = (await recoveryOf()) ?? {};
    assert.deepEqual([due, kept], [undefined, { generation: 1, id, uuid, made: bench.clock() }]);
    const [row] = await bench.fleet.volumes(me);
    assert.deepEqual(row?.recovery, { ...kept, threshold: 2, holders: ["alice", "bob", "carol"] });

    assert.deepEqual((await bench.fleet.plan(me)).warnings, []);
    const given = await bench.fleet.shares(me, "db1", "data");
    assert.match((await bench.fleet.plan(me)).warnings.join(), /^db1\/data: its shares were handed out/);
    assert.deepEqual(
      given.shares.map(({ holder }) => holder),
      ["alice", "bob", "carol"],
    );
    for (const [i, { sealed }] of given.shares.entries())
      for (const { name, pair } of people) {
        const opened = openShare(fromBase64(sealed, "share"), pair);
        const own = name === given.shares[i]?.holder;
        assert.equal(
          opened === null ? null : Buffer.from(opened.reveal()).toString(),
          own ? `share ${i + 1} of 1` : null,
        );
      }
    assert.equal((await bench.fleet.volumes(me))[0]?.recovery?.fetched, bench.clock());
    const events = [...(await bench.events("node:escrow")), ...(await bench.events("disk:escrow"))];
    assert.deepEqual(
      events.map(({ by, resource, outcome, detail }) => [by, resource, outcome, detail?.generation]),
      [
        ["node:db1", "db1", "ok", 1],
        ["local:root", "disk/db1", "ok", 1],
      ],
    );
    const stored = await bench.transact((tx) => escrows.list(tx));
    for (const { sealed } of given.shares)
      assert.equal(JSON.stringify(stored).includes(sealed), false, "a copy of the store alone has none");
  });

  it("come only from the node whose grant names holders", async () => {
    await assert.rejects(put(1), { code: "denied", message: /no grant names holders/ });
    const { grant } = await bench.unlock("disk/db1", "role:db", { escrow: { threshold: 2, shares: 3 } });
    await assert.rejects(put(1), { code: "denied" });
    assert.equal(await recoveryOf(), undefined);
    await bench.fleet.grants.remove(me, grant.id);
    await bench.unlock("disk/db1", "role:db", { escrow });
    await bench.putNode("db2", { set: { role: "web" } });
    await assert.rejects(put(1, sealedFor(1), "db2"), { code: "denied" });
    await assert.rejects(bench.fleet.escrow(me, { name: "data", uuid, id, generation: 1, sealed: [] }), {
      code: "denied",
    });
    await bench.fleet.nodes.freeze(me, "db1");
    await assert.rejects(put(1), { code: "denied", message: "node db1 is frozen" });
    assert.equal((await bench.events("node:escrow")).filter(({ outcome }) => outcome === "denied").length, 4);
  });

  it("are refused unless each is for its holder and of this very volume", async () => {
    await bench.unlock("disk/db1", "role:db", { escrow });
    const right = sealedFor(1);
    const malformed = { code: "malformed" };
    await assert.rejects(put(1, right.slice(1)), malformed);
    await assert.rejects(put(1, [right[1] ?? "", right[0] ?? "", right[2] ?? ""]), malformed);
    await assert.rejects(
      put(
        1,
        right.map((one) => one.slice(0, 40)),
      ),
      malformed,
    );
    await assert.rejects(put(1, [...right.slice(1), "!"]), malformed);
    const moved: Partial<SealedShareFacts>[] = [
      { node: "db2" as NodeName },
      { volume: "logs" as VolumeName },
      { uuid: uuid.replace("0f", "1f") },
      { generation: 2 },
      { threshold: 3 },
      { count: 4 },
    ];
    for (const wrong of moved)
      await assert.rejects(put(1, sealedFor(1, wrong)), malformed, JSON.stringify(wrong));
    assert.deepEqual(await recoveryOf(), { generation: 0, due: true });
  });

  it("are replaced by the next generation alone; the same again are no change", async () => {
    await bench.unlock("disk/db1", "role:db", { escrow });
    const first = sealedFor(1);
    await put(1, first);
    await put(1, first);
    await assert.rejects(put(1), { code: "conflict", message: /2 is the next/ });
    await assert.rejects(put(3), { code: "conflict" });
    await put(2);
    await assert.rejects(put(1, first), { code: "conflict" });
    assert.equal((await bench.fleet.shares(me, "db1", "data")).generation, 2);
  });

  it("go to those whose rules say disk:escrow on the volume's key, and also when the node is gone", async () => {
    await bench.unlock("disk/db1", "role:db", { escrow });
    await put(1);
    const rest = operator({ actions: ["grant:read", "grant:write", "key:read", "disk:approve"], prefix: "" });
    for (const who of [rest, operator({ actions: ["disk:escrow"], prefix: "web/" }), asNode("db1")]) {
      await assert.rejects(bench.fleet.shares(who, "db1", "data"), { code: "denied" });
      await assert.rejects(bench.fleet.renewEscrow(who, "db1", "data"), { code: "denied" });
    }
    const alice = operator({ actions: ["disk:escrow"], prefix: "disk/" });
    await assert.rejects(bench.fleet.shares(alice, "db1", "logs"), { code: "denied" });
    await assert.rejects(bench.fleet.shares(me, "db1", "logs"), { code: "not-found" });
    await bench.fleet.nodes.revoke(me, "db1");
    assert.equal((await bench.fleet.shares(alice, "db1", "data")).shares.length, 3);
  });

  it("are wanted anew when holders or numbers change, and when an operator says so; then the node is told", async () => {
    const { grant } = await bench.unlock("disk/db1", "role:db", { escrow });
    await put(1);
    const told: string[] = [];
    const end = bench.fleet.changed("db1" as NodeName, (notice) => told.push(notice));
    await bench.fleet.renewEscrow(me, "db1", "data");
    assert.equal((await recoveryOf())?.due, true);
    assert.deepEqual(told, ["changed"]);
    await put(2);
    assert.deepEqual(told, ["changed", "changed"], "another process of the node may have made it");
    end();
    assert.equal((await recoveryOf())?.due, undefined);
    await bench.fleet.grants.remove(me, grant.id);
    await bench.unlock("disk/db1", "role:db", { escrow: { ...escrow, threshold: 3 } });
    assert.deepEqual(await recoveryOf(), { generation: 2, id, uuid, made: bench.clock() - 1, due: true });
  });

  it("are known again after a restart", async () => {
    await bench.unlock("disk/db1", "role:db", { escrow });
    await put(1);
    const again = await bench.open();
    assert.equal((await again.bundleFor(asNode("db1"), [])).volumes?.[0]?.recovery?.generation, 1);
  });
});

describe("the holders of a grant", () => {
  it("are none where the key is derived: who names them would have what the server has not", async () => {
    const derivation = { scheme: "keyward-1", realm: "disk", kind: { kind: "luks" }, purpose: "" } as const;
    await bench.putDerived("disk/own", 1, { derivation, encoding: "raw" });
    await assert.rejects(bench.unlock("disk/own", "role:db", { escrow }), {
      code: "usage",
      message: /is derived/,
    });
    await bench.unlock("disk/own", "role:db", { escrow: { threshold: 2, shares: 3 } });
  });

  it("are as many as the shares, and different people with keys of their own", async () => {
    const grant = (more: object) => bench.unlock("disk/db1", "role:db", { escrow: { ...escrow, ...more } });
    const [alice, bob, carol] = holders;
    const cases: [object, RegExp][] = [
      [{ holders: [alice, bob] }, /has 2 holders/],
      [{ holders: [alice, bob, { ...carol, name: "alice" }] }, /named twice/],
      [{ holders: [alice, bob, { ...alice, name: "carol" }] }, /same key/],
      [{ holders: [alice, bob, { ...carol, name: "a b" }] }, /holder "a b"/],
      [{ holders: [alice, bob, { ...carol, key: "AAAA" }] }, /not an X25519 public key/],
      [{ holders: [alice, bob, { ...carol, key: toBase64(x25519ToSpki(new Uint8Array(32))) }] }, /low order/],
      [{ threshold: 4 }, /want THRESHOLD\/SHARES/],
    ];
    for (const [more, message] of cases) await assert.rejects(grant(more), { code: "usage", message });
    await grant({});
  });
});
