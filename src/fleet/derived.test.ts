/** Derived keys among nodes: what is sent, what is believed, and what a seed that is another one does. */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { beforeEach, describe, it } from "node:test";
import { fromBase64, toBase64, utf8 } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import { type OpenedSeed, openedSeed } from "../derive/opened.ts";
import { proveDerived } from "../formats/derived-proof/derived-proof.ts";
import type { DerivedAs } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { Derivation } from "../model/realm.ts";
import { encodeKey } from "../seed/encode.ts";
import { asNode, type Bench, createBench, me, proofOf, reportOf } from "./fleet-for-test.ts";
import type { Report } from "./report.ts";

const ssh: Derivation = { scheme: "keyward-1", realm: "ssh", kind: { kind: "ed25519" }, purpose: "" };
const root: Derivation = {
  scheme: "keyward-1",
  realm: "root",
  kind: { kind: "password", policy: { length: 20, classes: ["lower", "digit"] } },
  purpose: "",
};
const host: DerivedAs = { derivation: ssh, encoding: "openssh" };
const password: DerivedAs = { derivation: root, encoding: "text" };
const seedOf = (byte: number): OpenedSeed =>
  openedSeed("keyward-1", Secret.take(new Uint8Array(32).fill(byte)));
const seeds = { first: seedOf(1), second: seedOf(2) };

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
  await bench.putDerived("ssh/host", 1, host);
  await bench.putDerived("root/password", 1, password);
  await bench.putNode("web1", { set: { role: "api" } });
  await bench.grant("ssh/host", "role:api");
  await bench.grant("root/password", "role:api");
});

async function claimOf(
  challenge: string,
  { derivation }: DerivedAs,
  key: string,
  options: { version?: number; seed?: OpenedSeed; generation?: number; node?: string } = {},
) {
  const { version = 1, seed = seeds.first, generation = 1, node = "web1" } = options;
  const signs = derivation.kind.kind === "ed25519";
  using value = await seed.derive(derivation, version);
  const pem = signs ? Buffer.from(encodeKey(derivation, value, "pem").reveal()).toString() : null;
  const privateKey = pem === null ? undefined : createPrivateKey(pem);
  const shown = {
    seed: seed.id,
    generation,
    tag: seed.tag(derivation, version),
    ...(pem === null
      ? {}
      : { public: toBase64(createPublicKey(pem).export({ format: "der", type: "spki" })) }),
  };
  const of = { node, key, version, shown };
  const under = fromBase64(challenge, "challenge");
  return { key, version, shown, proof: toBase64(proveDerived(under, derivation.kind.kind, of, privateKey)) };
}

const challenge = async () => (await bench.fleet.bundleFor(asNode("web1"), [])).challenge;
const report = (parts: Partial<Report>) => bench.fleet.report(asNode("web1"), reportOf(parts));
const record = async (key: string) =>
  (await bench.fleet.nodes.show(me, "web1")).holds.find((one) => one.key === key);
const plan = async () => (await bench.fleet.plan(me)).lines;
const lastDetail = async () => (await bench.events("node:report")).at(-1)?.detail;

describe("a bundle", () => {
  it("says of a derived key how to make it, always, and has no value", async () => {
    const first = await bench.fleet.bundleFor(asNode("web1"), []);
    const held = first.entries.map(({ key, version }) => ({ key, version }));
    const second = await bench.fleet.bundleFor(asNode("web1"), held);
    for (const { entries } of [first, second]) {
      assert.deepEqual(
        entries.map(({ key, version, value, derived }) => ({ key, version, value, derived })),
        [
          { key: "root/password", version: 1, value: undefined, derived: password },
          { key: "ssh/host", version: 1, value: undefined, derived: host },
        ],
      );
    }
  });

  it("has an event for each that is new to the node, and opens nothing", async () => {
    await bench.fleet.bundleFor(asNode("web1"), []);
    const details = (await bench.events("node:deliver")).map(({ detail }) => detail);
    assert.deepEqual(
      details.map((detail) => [detail?.key, detail?.derived]),
      [
        ["root/password", true],
        ["ssh/host", true],
      ],
    );
    assert.deepEqual(bench.opened, []);
  });

  it("follows a key that becomes a stored one", async () => {
    await bench.fleet.bundleFor(asNode("web1"), []);
    await bench.putKey("ssh/host", ["none", "by hand"]);
    assert.deepEqual(await bench.receive("web1", [{ key: "root/password", version: 1 }]), {
      "ssh/host": "by hand",
    });
  });
});

describe("a proof", () => {
  it("by signature is accepted, and the public half is kept", async () => {
    const asked = await challenge();
    const claim = await claimOf(asked, host, "ssh/host");
    const answer = await report({ challenge: asked, proofs: [claim] });
    assert.deepEqual(answer, { accepted: [{ key: "ssh/host", version: 1 }], refused: [] });
    assert.equal((await record("ssh/host"))?.proved, bench.clock());
    assert.deepEqual((await record("ssh/host"))?.shown, claim.shown);
    const [delivery] = bench.fleet.recipients("ssh/host");
    assert.equal(delivery?.shown?.public, claim.shown.public);
  });

  it("by tag is accepted where there is nothing to sign with", async () => {
    const asked = await challenge();
    const claim = await claimOf(asked, password, "root/password");
    assert.equal((await report({ challenge: asked, proofs: [claim] })).accepted.length, 1);
    assert.deepEqual((await record("root/password"))?.shown, claim.shown);
  });

  it("given again writes nothing", async () => {
    const asked = await challenge();
    const proofs = [await claimOf(asked, host, "ssh/host")];
    await report({ challenge: asked, proofs });
    const before = await bench.store.revision();
    assert.equal((await report({ challenge: asked, proofs })).accepted.length, 1);
    assert.equal(await bench.store.revision(), before);
  });

  it("of another node, version, key or signer, without what is shown, or as of a value is refused", async () => {
    const asked = await challenge();
    const good = await claimOf(asked, host, "ssh/host");
    const other = await claimOf(asked, host, "ssh/host", { seed: seeds.second });
    const { shown: _, ...bare } = good;
    const bad: Report["proofs"] = [
      await claimOf(asked, host, "ssh/host", { node: "web2" }),
      { ...(await claimOf(asked, host, "ssh/host", { version: 2 })), version: 1 },
      { ...(await claimOf(asked, host, "root/password")), key: "ssh/host" },
      { ...good, shown: other.shown },
      { ...good, shown: { ...good.shown, tag: other.shown.tag } },
      bare,
      proofOf("web1", asked, "ssh/host", 1, ""),
    ];
    for (const claim of bad) {
      const { accepted, refused } = await report({ challenge: asked, proofs: [claim] });
      assert.deepEqual([accepted.length, refused.length], [0, 1], JSON.stringify(claim));
      assert.equal((await record("ssh/host"))?.shown, undefined);
    }
  });

  it("of a kept value shows nothing of a seed, whatever the node says", async () => {
    await bench.putKey("db/x", ["secret"]);
    await bench.grant("db/x", "role:api");
    const asked = await challenge();
    const { shown } = await claimOf(asked, host, "ssh/host");
    const claim = { ...proofOf("web1", asked, "db/x", 1, "secret"), shown };
    assert.equal((await report({ challenge: asked, proofs: [claim] })).accepted.length, 1);
    assert.equal((await record("db/x"))?.shown, undefined);
  });
});

describe("a seed that is another one", () => {
  beforeEach(async () => {
    const asked = await challenge();
    await report({ challenge: asked, proofs: [await claimOf(asked, host, "ssh/host")] });
  });

  it("is drift: the proof is refused, with an event, and plan, node and history say so", async () => {
    const asked = await challenge();
    const claim = await claimOf(asked, host, "ssh/host", { seed: seeds.second });
    const { refused } = await report({ challenge: asked, proofs: [claim] });
    assert.deepEqual(refused, [{ key: "ssh/host", version: 1 }]);
    assert.deepEqual(await lastDetail(), {
      key: "ssh/host",
      version: 1,
      refused: true,
      seed: "another one",
    });
    const line = (await plan()).find(({ key }) => key === "ssh/host");
    assert.match(line?.reason ?? "", /the node could not: its seed, [0-9a-f]{16}, is another one than/);
    assert.match((await record("ssh/host"))?.failed ?? "", /keyward key rotate/);
    assert.equal((await record("ssh/host"))?.shown?.seed, seeds.first.id);
  });

  it("stays drift when the version is sent again, until the first seed is back", async () => {
    const first = await challenge();
    const other = await claimOf(first, host, "ssh/host", { seed: seeds.second });
    await report({ challenge: first, proofs: [other] });
    const asked = await challenge();
    const again = await claimOf(asked, host, "ssh/host", { seed: seeds.second });
    assert.equal((await report({ challenge: asked, proofs: [again] })).refused.length, 1);
    const back = await claimOf(asked, host, "ssh/host");
    assert.equal((await report({ challenge: asked, proofs: [back] })).accepted.length, 1);
    assert.equal((await record("ssh/host"))?.failed, undefined);
    assert.equal(
      (await plan()).find(({ key }) => key === "ssh/host"),
      undefined,
    );
  });

  it("is an event and no drift when the node says that it is its next one", async () => {
    const asked = await challenge();
    const claim = await claimOf(asked, host, "ssh/host", { seed: seeds.second, generation: 2 });
    assert.equal((await report({ challenge: asked, proofs: [claim] })).accepted.length, 1);
    assert.deepEqual(await lastDetail(), {
      key: "ssh/host",
      version: 1,
      proved: true,
      seed: "generation 2",
    });
    assert.deepEqual((await record("ssh/host"))?.shown, claim.shown);
    const before = await claimOf(asked, host, "ssh/host");
    assert.equal((await report({ challenge: asked, proofs: [before] })).refused.length, 1);
  });

  it("is taken as it is with the next version", async () => {
    await bench.putDerived("ssh/host", 2, host);
    const asked = await challenge();
    const claim = await claimOf(asked, host, "ssh/host", { version: 2, seed: seeds.second });
    assert.equal((await report({ challenge: asked, proofs: [claim] })).accepted.length, 1);
  });
});

describe("a staged rotation of a derived key", () => {
  it("waits until every node has proved the next version", async () => {
    await bench.putNode("web2", { set: { role: "api" } });
    await bench.putDerived("ssh/host", 2, host, "pending");
    const name = "ssh/host" as KeyName;
    assert.equal(bench.fleet.pendingProved(name), false);
    for (const node of ["web1", "web2"]) {
      assert.equal(bench.fleet.pendingProved(name), false);
      const { challenge: asked } = await bench.fleet.bundleFor(asNode(node), []);
      const proofs = [await claimOf(asked, host, "ssh/host", { version: 2, node })];
      await bench.fleet.report(asNode(node), reportOf({ challenge: asked, proofs }));
    }
    assert.equal(bench.fleet.pendingProved(name), true);
  });
});

it("a node without a seed says so, and plan does", async () => {
  await challenge();
  const message = "this node has no seed; run: keyward seed install";
  await report({ failures: [{ key: "ssh/host", path: "/run/ssh/host", message }] });
  const line = (await plan()).find(({ key }) => key === "ssh/host");
  assert.ok(line?.reason.endsWith(`the node could not: ${message}`));
  assert.ok(utf8(message).byteLength < 200);
});
