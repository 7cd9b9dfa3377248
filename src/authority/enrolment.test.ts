import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { DurationMs } from "../base/time.ts";
import { identityOf, parseCertificate, parseRequest } from "../formats/x509/x509.ts";
import { type Node, noAttributes } from "../model/node.ts";
import type { Principal } from "../model/principal.ts";
import { nodes } from "../records/records.ts";
import { type Bench, DAY, HOUR, MINUTE, openBench, root } from "./authority-for-test.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await openBench({ maxPending: 5, perMinute: 8 });
});
afterEach(() => bench.close());

const keyOf = (csr: string): string => parseRequest(csr).fingerprint;

describe("a join token", () => {
  it("makes a node active, with a certificate for 24 hours of the first generation", async () => {
    const { authority, host } = bench;
    const { csr } = host("db1");
    const { token } = await authority.createJoinToken(root, { node: "db1", attributes: { role: "db" } });
    const answer = await authority.enrol({ csr, token, facts: { os: { name: "debian" } } });
    assert.equal(answer.kind, "issued");
    if (answer.kind !== "issued") return;
    const facts = parseCertificate(answer.certificate);
    assert.deepEqual(identityOf(facts.names), { kind: "node", name: "db1", generation: 1 });
    assert.equal(facts.notAfter, Math.floor((bench.now + DAY) / 1000) * 1000);
    assert.equal(facts.keyFingerprint, keyOf(csr));
    assert.deepEqual(answer.ca, [authority.show().certificates[0]?.pem]);
    const node = await bench.node("db1");
    assert.equal(node?.state, "active");
    assert.deepEqual(node?.identity, { issued: 1, seen: 0, fingerprint: keyOf(csr) });
    assert.deepEqual(node?.attributes, {
      ...noAttributes,
      attested: { role: "db" },
      reported: { os: { name: "debian" } },
    });
  });

  it("is good once, also when two use it at the same moment", async () => {
    const { authority, host } = bench;
    const { token } = await authority.createJoinToken(root, {});
    const answers = await Promise.allSettled(
      ["a", "b", "c", "d"].map((name) => authority.enrol({ csr: host(name).csr, token })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [
      "fulfilled",
      "rejected",
      "rejected",
      "rejected",
    ]);
    const known = await bench.transact((tx) => nodes.list(tx));
    assert.equal(known.length, 1);
  });

  it("is good once, also on two servers at the same moment", async () => {
    const { authority, host, second } = bench;
    const other = second();
    const { token } = await authority.createJoinToken(root, {});
    const answers = await Promise.allSettled([
      authority.enrol({ csr: host("a").csr, token }),
      other.enrol({ csr: host("b").csr, token }),
    ]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    other.close();
  });

  it("gives its answer again to the same key, should it have been lost", async () => {
    const { authority, host } = bench;
    const { csr } = host("db1");
    const { token } = await authority.createJoinToken(root, { node: "db1" });
    await authority.enrol({ csr, token });
    const again = await authority.enrol({ csr, token });
    assert.equal(again.kind, "issued");
    assert.equal((await bench.node("db1"))?.identity?.issued, 2);
  });

  it("or the key alone gives no more certificates than a node could need", async () => {
    const { authority, host } = bench;
    const { csr } = host("db1");
    const { token } = await authority.createJoinToken(root, { node: "db1" });
    await authority.enrol({ csr, token });
    for (let i = 0; i < 10; i++) await authority.enrol({ csr });
    await assert.rejects(authority.enrol({ csr }), { code: "rate-limited" });
    bench.now += MINUTE;
    assert.equal((await authority.enrol({ csr })).kind, "issued");
  });

  it("ends with its time", async () => {
    const { authority, host } = bench;
    const { token, expires } = await authority.createJoinToken(root, { node: "db1" });
    assert.equal(expires, bench.now + HOUR);
    bench.now += HOUR;
    await assert.rejects(authority.enrol({ csr: host("db1").csr, token }), { code: "denied" });
  });

  it("that is bound to a name gives that name, whatever is asked for", async () => {
    const { authority, host } = bench;
    const { token } = await authority.createJoinToken(root, { node: "db1" });
    const answer = await authority.enrol({ csr: host("web1").csr, name: "web2", token });
    assert.equal(answer.node, "db1");
  });

  it("that is not bound cannot take the name of a node that is known", async () => {
    const { authority, host, join } = bench;
    await join("db1");
    await bench.transact((tx) =>
      nodes.put(tx, {
        name: "db2" as Node["name"],
        state: "pending",
        created: 0 as Node["created"],
        attributes: noAttributes,
      }),
    );
    for (const name of ["db1", "db2"]) {
      const { token } = await authority.createJoinToken(root, {});
      await assert.rejects(authority.enrol({ csr: host(name).csr, token }), {
        code: "denied",
        message: /not bound/,
      });
      assert.equal(
        (await authority.enrol({ csr: host("new").csr, name: `${name}-new`, token })).kind,
        "issued",
      );
    }
  });

  it("that is bound to its name lets a known node in again, with a new key and the next generation", async () => {
    const { join, host } = bench;
    await join("db1");
    const next = host("db1");
    const { certificate } = await join("db1", next);
    assert.deepEqual(identityOf(parseCertificate(certificate).names), {
      kind: "node",
      name: "db1",
      generation: 2,
    });
    assert.equal((await bench.node("db1"))?.identity?.fingerprint, keyOf(next.csr));
  });

  it("is kept as a hash only, and shown once", async () => {
    const { token } = await bench.authority.createJoinToken(root, { node: "db1" });
    const secret = token.split("_").slice(2).join("_");
    for (const { value } of await bench.store.range({ prefix: "" })) {
      assert.equal(Buffer.from(value).includes(secret), false);
    }
    assert.equal((await bench.authority.createJoinToken({ ...root, dryRun: true }, {})).token, "");
  });

  it("needs the right to enrol this name, and for any name the right to enrol all", async () => {
    const { authority } = bench;
    const allow = { actions: ["node:enrol"], prefix: "db1" } as const;
    const by: Principal = { kind: "operator", name: "alice", rules: [{ name: "r", allow: [allow] }] };
    await authority.createJoinToken({ by }, { node: "db1" });
    await assert.rejects(authority.createJoinToken({ by }, { node: "db2" }), { code: "denied" });
    await assert.rejects(authority.createJoinToken({ by }, {}), { code: "denied" });
  });

  it("that attests attributes needs the right to enrol all", async () => {
    const { authority } = bench;
    const allowed = (prefix: string): { by: Principal } => ({
      by: {
        kind: "operator",
        name: "alice",
        rules: [{ name: "r", allow: [{ actions: ["node:enrol"], prefix }] }],
      },
    });
    const request = { node: "db1", attributes: { role: "db" } };
    await authority.createJoinToken(allowed(""), request);
    await authority.createJoinToken(allowed("db1"), { node: "db1", attributes: {} });
    await assert.rejects(authority.createJoinToken(allowed("db1"), request), { code: "denied" });
  });

  it("has limits on its time and its attributes", async () => {
    const { authority } = bench;
    for (const ttl of [0, 999, 31 * DAY, Number.NaN]) {
      await assert.rejects(authority.createJoinToken(root, { ttl: ttl as DurationMs }), { code: "usage" });
    }
    const deep = JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`);
    await assert.rejects(authority.createJoinToken(root, { attributes: deep }), { code: "too-large" });
    await assert.rejects(authority.createJoinToken(root, { node: "../x" }), { code: "usage" });
  });

  it("that is wrong in any way is refused, and does not make the node wait for approval", async () => {
    const { authority, host } = bench;
    const { token } = await authority.createJoinToken(root, { node: "db1" });
    const last = token.endsWith("A") ? "B" : "A";
    for (const wrong of [
      "",
      "kwj_x",
      token.slice(0, -1),
      token.slice(0, 30) + last + token.slice(31),
      `${token} `,
    ]) {
      if (wrong === token) continue;
      await assert.rejects(authority.enrol({ csr: host("db1").csr, token: wrong }), { code: "denied" });
    }
    assert.equal(await bench.node("db1"), null);
  });
});

describe("approval by hand", () => {
  it("lets a node in by the fingerprint of its key, when it asks the next time", async () => {
    const { authority, host } = bench;
    const { csr } = host("web1");
    const waiting = await authority.enrol({ csr });
    assert.deepEqual(waiting, { kind: "pending", node: "web1", fingerprint: keyOf(csr) });
    assert.equal((await authority.approve(root, "web1", keyOf(csr))).state, "active");
    const answer = await authority.enrol({ csr });
    assert.equal(answer.kind, "issued");
    assert.deepEqual((await bench.node("web1"))?.identity, { issued: 1, seen: 0, fingerprint: keyOf(csr) });
  });

  it("costs nothing while the node asks again and again", async () => {
    const { authority, host } = bench;
    const { csr } = host("web1");
    await authority.enrol({ csr });
    const revision = await bench.store.revision();
    for (let i = 0; i < 20; i++) assert.equal((await authority.enrol({ csr })).kind, "pending");
    assert.equal(await bench.store.revision(), revision);
  });

  it("is of exactly this key, and only while the node waits", async () => {
    const { authority, host } = bench;
    const [first, second] = [host("web1"), host("web1")];
    await assert.rejects(authority.approve(root, "web1", "0".repeat(64)), { code: "not-found" });
    await authority.enrol({ csr: first.csr });
    await authority.enrol({ csr: second.csr });
    await assert.rejects(authority.approve(root, "web1", keyOf(first.csr)), { code: "conflict" });
    await authority.approve(root, "web1", keyOf(second.csr));
    await assert.rejects(authority.approve(root, "web1", keyOf(second.csr)), { code: "conflict" });
    await assert.rejects(authority.enrol({ csr: first.csr }), { code: "denied" });
    assert.equal((await authority.enrol({ csr: second.csr })).kind, "issued");
  });

  it("needs the right to", async () => {
    const by: Principal = { kind: "operator", name: "alice", rules: [] };
    await assert.rejects(bench.authority.approve({ by }, "web1", "0".repeat(64)), { code: "denied" });
  });

  it("is not asked for by a flood of strangers without end", async () => {
    const { authority, host } = bench;
    const all = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => authority.enrol({ csr: host(`s${i}`).csr })),
    );
    assert.ok(all.some(({ status }) => status === "rejected"));
    bench.now += MINUTE;
    for (let i = 20; i < 30; i++) await authority.enrol({ csr: host(`s${i}`).csr }).catch(() => {});
    const known = await bench.transact((tx) => nodes.list(tx));
    assert.ok(known.length <= 8, `${known.length} nodes`);
    await assert.rejects(authority.enrol({ csr: host("more").csr }), { code: "rate-limited" });
    assert.equal((await bench.join("db1")).kind, "issued");
  });
});

describe("a node that is enrolled", () => {
  it("is not enrolled again by a stranger", async () => {
    const { authority, host, join } = bench;
    await join("db1");
    await assert.rejects(authority.enrol({ csr: host("db1").csr }), {
      code: "denied",
      message: /another key/,
    });
    const before = await bench.node("db1");
    const { token } = await authority.createJoinToken(root, { node: "other" });
    await assert.rejects(authority.enrol({ csr: host("db1").csr, token: `${token}x` }), { code: "denied" });
    assert.deepEqual(await bench.node("db1"), before);
  });

  it("comes back with its own key after its certificate has ended", async () => {
    const { authority, host, join } = bench;
    const own = host("db1");
    await join("db1", own);
    await authority.presented({ node: "db1" as Node["name"], generation: 1, fingerprint: keyOf(own.csr) });
    bench.now += 3 * DAY;
    const answer = await authority.enrol({ csr: own.csr });
    assert.equal(answer.kind, "issued");
    assert.deepEqual((await bench.node("db1"))?.identity, {
      issued: 2,
      seen: 1,
      fingerprint: keyOf(own.csr),
    });
  });

  it("is not let in while it is frozen or revoked, neither by its key nor by a token", async () => {
    const { authority, host, join, putNode } = bench;
    const own = host("db1");
    await join("db1", own);
    for (const state of ["frozen", "revoked"] as const) {
      await putNode({ name: "db1" as Node["name"], state });
      await assert.rejects(authority.enrol({ csr: own.csr }), { code: "denied" });
      await assert.rejects(join("db1", own), { code: "denied" });
    }
  });

  it("keeps what operators set, and what it reports changes nothing else", async () => {
    const { authority, host, putNode, join } = bench;
    const own = host("db1");
    await join("db1", own);
    await putNode({
      name: "db1" as Node["name"],
      attributes: { ...noAttributes, set: { role: "db" }, attested: { a: 1 } },
    });
    await authority.enrol({ csr: own.csr, facts: { role: "admin" } });
    const node = await bench.node("db1");
    assert.deepEqual(node?.attributes, {
      set: { role: "db" },
      attested: { a: 1 },
      inventory: {},
      reported: { role: "admin" },
    });
  });
});

describe("renewal", () => {
  const caller = (name: string) => ({ by: { kind: "node", name: name as Node["name"] } }) as const;

  it("gives the next generation, for the same key or a new one", async () => {
    const { authority, host, join } = bench;
    const own = host("db1");
    await join("db1", own);
    const second = await authority.renew(caller("db1"), { csr: own.csr, generation: 1 });
    assert.deepEqual(identityOf(parseCertificate(second.certificate).names), {
      kind: "node",
      name: "db1",
      generation: 2,
    });
    const fresh = host("db1");
    const third = await authority.renew(caller("db1"), { csr: fresh.csr });
    assert.equal(parseCertificate(third.certificate).keyFingerprint, keyOf(fresh.csr));
    assert.deepEqual((await bench.node("db1"))?.identity, {
      issued: 3,
      seen: 0,
      fingerprint: keyOf(fresh.csr),
    });
  });

  it("never gives one generation twice, also to many at once", async () => {
    const { authority, host, join } = bench;
    const own = host("db1");
    await join("db1", own);
    const all = await Promise.allSettled(
      Array.from({ length: 4 }, () => authority.renew(caller("db1"), { csr: own.csr })),
    );
    const generations = all.flatMap((one) =>
      one.status === "fulfilled" ? [identityOf(parseCertificate(one.value.certificate).names)] : [],
    );
    assert.ok(generations.length >= 1);
    assert.equal(new Set(generations.map((one) => JSON.stringify(one))).size, generations.length);
  });

  it("is for active nodes only, and for nobody else", async () => {
    const { authority, host, join, putNode } = bench;
    const own = host("db1");
    await join("db1", own);
    await assert.rejects(authority.renew(root, { csr: own.csr }), { code: "denied" });
    await assert.rejects(authority.renew(caller("web1"), { csr: own.csr }), { code: "denied" });
    await putNode({ name: "db1" as Node["name"], state: "frozen" });
    await assert.rejects(authority.renew(caller("db1"), { csr: own.csr }), { code: "denied" });
  });
});

describe("what is asked with", () => {
  it("must be a good request for a good name, with few facts", async () => {
    const { authority, host } = bench;
    await assert.rejects(authority.enrol({ csr: "nonsense" }), { code: "malformed" });
    await assert.rejects(authority.enrol({ csr: host("").csr }), { code: "usage" });
    await assert.rejects(authority.enrol({ csr: host("../etc").csr }), { code: "usage" });
    const facts = { text: "x".repeat(65_536) };
    await assert.rejects(authority.enrol({ csr: host("db1").csr, facts }), { code: "too-large" });
  });

  it("leaves events that name the node, and a flood of refusals only some", async () => {
    const { authority, host, journal } = bench;
    await assert.rejects(authority.enrol({ csr: host("db1").csr, token: "kwj_x" }, "10.0.0.9"));
    const [event] = await journal.recent(1);
    assert.deepEqual(
      [event?.by, event?.action, event?.resource, event?.outcome],
      ["anonymous", "node:first-contact", "db1", "denied"],
    );
    assert.equal(event?.detail?.from, "10.0.0.9");
    const { csr } = host("db1");
    for (let i = 0; i < 30; i++) await authority.enrol({ csr, token: "kwj_x" }).catch(() => {});
    const events = await journal.list({ after: 0, limit: 999, resource: "db1" });
    assert.equal(events.length, 8);
  });

  it("is answered while the server is sealed by saying so", async () => {
    const { authority, host, rootKey } = bench;
    const { token } = await authority.createJoinToken(root, { node: "db1" });
    rootKey.lock();
    await assert.rejects(authority.enrol({ csr: host("db1").csr, token }), { code: "sealed" });
  });
});
