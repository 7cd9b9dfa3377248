import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import { parseRequest } from "../formats/x509/x509.ts";
import type { NodeName } from "../model/name.ts";
import { type Bench, DAY, derOf, HOUR, type Host, MINUTE, openBench, root } from "./authority-for-test.ts";

const db1 = "db1" as NodeName;
const caller = { by: { kind: "node", name: db1 } } as const;

let bench: Bench;
let own: Host;
let key: string;
/** DER, by generation from 1. */
let certificates: Uint8Array[];

beforeEach(async () => {
  bench = await openBench({ perMinute: 3 });
  own = bench.host("db1");
  key = parseRequest(own.csr).fingerprint;
  certificates = [derOf((await bench.join("db1", own)).certificate)];
});
afterEach(() => bench.close());

async function renew(host: Host = own): Promise<Uint8Array> {
  const { certificate } = await bench.authority.renew(caller, { csr: host.csr });
  const der = derOf(certificate);
  certificates.push(der);
  return der;
}

const show = (generation: number) => bench.authority.vouch(certificates[generation - 1] ?? new Uint8Array());
const state = async () => (await bench.node("db1"))?.state;

describe("a node's certificate", () => {
  it("signs the node in", async () => {
    const holder = await show(1);
    assert.deepEqual(holder.principal(), { kind: "node", name: "db1" });
    assert.equal((await bench.node("db1"))?.identity?.seen, 1);
  });

  it("costs no transaction and no event when it was shown before", async () => {
    await show(1);
    const revision = await bench.store.revision();
    for (let i = 0; i < 100; i++) (await show(1)).principal();
    assert.equal(await bench.store.revision(), revision);
  });

  it("of an older generation freezes the node once a newer one was shown, with an event", async () => {
    await show(1);
    await renew();
    await show(1);
    await show(2);
    await assert.rejects(show(1), { code: "denied", message: /cloned/ });
    const node = await bench.node("db1");
    assert.deepEqual(
      [node?.state, node?.reason],
      ["frozen", "an old certificate generation was presented: probably cloned"],
    );
    const [event] = await bench.journal.recent(1);
    assert.deepEqual(
      [
        event?.by,
        event?.action,
        event?.resource,
        event?.detail?.change,
        event?.detail?.generation,
        event?.detail?.seen,
      ],
      ["system:server", "node:write", "db1", "freeze", 1, 2],
    );
    await assert.rejects(show(2), { code: "denied", message: /frozen/ });
  });

  it("of an older generation is accepted after a thaw, until two machines show themselves again", async () => {
    await renew();
    await show(2);
    await assert.rejects(show(1));
    await bench.putNode({ name: db1, state: "active" });
    await show(1);
    await show(1);
    assert.equal(await state(), "active");
    await show(2);
    await assert.rejects(show(1), { code: "denied", message: /cloned/ });
    assert.equal(await state(), "frozen");
  });

  it("shows a copy, whichever of the two renews", async () => {
    await show(1);
    // Both machines hold generation 1; each renews in turn.
    await renew();
    await renew();
    await show(3);
    await assert.rejects(show(2), { code: "denied" });
    assert.equal(await state(), "frozen");
  });

  it("of the newest generation with another key freezes the node", async () => {
    const shown = { node: db1, generation: 1, fingerprint: "0".repeat(64) };
    await assert.rejects(bench.authority.presented(shown), { code: "denied", message: /another key/ });
    assert.equal(await state(), "frozen");
  });

  it("newer than the store knows is accepted with the known key: the store was restored from a backup", async () => {
    await renew();
    await show(2);
    await bench.putNode({ name: db1, identity: { issued: 1, seen: 1, fingerprint: key } });
    await show(2);
    assert.deepEqual((await bench.node("db1"))?.identity, { issued: 2, seen: 2, fingerprint: key });
  });

  it("is refused from the moment that the node is frozen or revoked, on connections that are open too", async () => {
    const holder = await show(1);
    for (const state of ["frozen", "revoked"] as const) {
      await bench.putNode({ name: db1, state, reason: "by hand" });
      assert.throws(() => holder.principal(), { code: "denied", message: /by hand/ });
      await assert.rejects(show(1), { code: "denied" });
      await bench.putNode({ name: db1, state: "active" });
      assert.deepEqual(holder.principal(), { kind: "node", name: "db1" });
    }
    await bench.removeNode("db1");
    assert.throws(() => holder.principal(), { code: "denied", message: /not known/ });
    await assert.rejects(show(1), { code: "denied" });
  });

  it("of a node that was removed does not harm the next one of its name", async () => {
    await bench.removeNode("db1");
    bench.now += 10 * MINUTE;
    await bench.join("db1");
    await assert.rejects(show(1), { code: "denied", message: /not known/ });
    assert.equal(await state(), "active");
  });

  it("ends, on connections that are open too", async () => {
    const holder = await show(1);
    bench.now += DAY - 2000;
    holder.principal();
    bench.now += 2000;
    assert.throws(() => holder.principal(), { code: "unauthenticated" });
  });

  it("that was replaced is refused on an open connection a minute after the newer one was shown", async () => {
    const holder = await show(1);
    await renew();
    bench.now += HOUR;
    await show(2);
    bench.now += MINUTE;
    holder.principal();
    bench.now += 1;
    assert.throws(() => holder.principal(), { code: "unauthenticated", message: /newer/ });
    assert.equal(await state(), "active");
  });

  it("with a new key is as good as one with the old key", async () => {
    await show(1);
    await renew(bench.host("db1"));
    await show(1);
    await show(2);
    assert.equal(await state(), "active");
  });

  it("is refused with an event, but in a flood only some have one", async () => {
    await bench.putNode({ name: db1, state: "revoked" });
    const before = (await bench.journal.list({ after: 0, limit: 999 })).length;
    for (let i = 0; i < 20; i++) await show(1).catch(() => {});
    const events = await bench.journal.list({ after: 0, limit: 999 });
    assert.equal(events.length - before, 3);
    assert.deepEqual([events.at(-1)?.by, events.at(-1)?.outcome], ["node:db1", "denied"]);
  });

  it("shown on two servers at once is counted once", async () => {
    const other = bench.second();
    await renew();
    const der = certificates[1] ?? new Uint8Array();
    await Promise.all([bench.authority.vouch(der), other.vouch(der)]);
    assert.deepEqual((await bench.node("db1"))?.identity, { issued: 2, seen: 2, fingerprint: key });
    assert.equal(await state(), "active");
    other.close();
  });
});

describe("another certificate of the CA", () => {
  const sign = async (operator?: { name: string; rules: string[] }, ttl = HOUR) => {
    const { csr } = bench.host("web.example.com");
    const request = { csr, ttl: ttl as DurationMs, ...(operator && { operator }) };
    return bench.authority.signCertificate(root, request);
  };

  it("signs an operator in, with what its rules allow now, until it is revoked", async () => {
    bench.rules.set("db", [{ actions: ["key:read"], prefix: "db/" }]);
    const { pem, info } = await sign({ name: "team/alice", rules: ["db"] });
    const holder = await bench.authority.vouch(derOf(pem));
    const rules = () => {
      const who = holder.principal();
      return who.kind === "operator" ? [who.name, ...who.rules.map(({ name }) => name)] : [];
    };
    assert.deepEqual(rules(), ["team/alice", "db"]);
    bench.rules.delete("db");
    assert.deepEqual(rules(), ["team/alice"]);
    await bench.authority.revokeCertificate(root, info.serial);
    assert.throws(rules, { code: "denied" });
    await assert.rejects(bench.authority.vouch(derOf(pem)), { code: "denied" });
  });

  it("of an operator ends with its time", async () => {
    const { pem } = await sign({ name: "alice", rules: ["audit"] });
    const holder = await bench.authority.vouch(derOf(pem));
    bench.now += HOUR;
    assert.throws(() => holder.principal(), { code: "unauthenticated" });
  });

  it("signs nobody in when it is for a program or for the server", async () => {
    const { pem } = await sign();
    await assert.rejects(bench.authority.vouch(derOf(pem)), { code: "unauthenticated" });
    const { chain } = await bench.authority.serverCertificate(["localhost"]);
    const [leaf = ""] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
    await assert.rejects(bench.authority.vouch(derOf(leaf)), { code: "unauthenticated" });
    assert.ok(
      isKeywardError(await bench.authority.vouch(new Uint8Array(9)).catch((error) => error), "malformed"),
    );
  });
});
