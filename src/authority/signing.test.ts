import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import type { DurationMs } from "../base/time.ts";
import { makeSan, parseCertificate } from "../formats/x509/x509.ts";
import type { NodeName } from "../model/name.ts";
import type { Allow, Principal } from "../model/principal.ts";
import { type Bench, DAY, HOUR, MINUTE, openBench, root } from "./authority-for-test.ts";
import { resourceOf } from "./names.ts";

const directory = mkdtempSync(join(tmpdir(), "keyward-signing-"));
after(() => rmSync(directory, { recursive: true }));

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

function openssl(...args: string[]): { ok: boolean; text: string } {
  const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  return { ok: status === 0, text: stdout + stderr };
}

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** A request as other programs make it. */
function request(names: string, commonName?: string): string {
  const key = join(directory, "other.key");
  openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key);
  const subject = commonName === undefined ? "/O=Example" : `/CN=${commonName}`;
  const extension = names === "" ? [] : ["-addext", `subjectAltName=${names}`];
  return openssl("req", "-new", "-key", key, "-subj", subject, ...extension).text;
}

function operator(...allow: Allow[]): { by: Principal } {
  return { by: { kind: "operator", name: "alice", rules: [{ name: "r", allow }] } };
}

describe("a certificate for another program", () => {
  it("bears the names that were asked for, and OpenSSL accepts it", async () => {
    const csr = request(
      "DNS:web.example.com,DNS:*.web.example.com,IP:10.0.0.1,URI:spiffe://example/web",
      "web.example.com",
    );
    const { pem, info } = await bench.authority.signCertificate(root, { csr });
    const facts = parseCertificate(pem);
    assert.deepEqual(
      facts.names.map(({ value }) => value),
      ["web.example.com", "*.web.example.com", "10.0.0.1", "spiffe://example/web"],
    );
    assert.deepEqual(info.names, [
      "dns/com/example/web",
      "dns/com/example/web/*",
      "ip/10.0.0.1",
      "uri/spiffe://example/web",
    ]);
    assert.deepEqual([info.serial, info.subject, info.by], [facts.serial, "web.example.com", "local:root"]);
    assert.equal(info.notAfter - info.issued, 90 * DAY);
    const ca = file("ca.pem", bench.authority.show().certificates[0]?.pem ?? "");
    assert.ok(
      openssl("verify", "-x509_strict", "-CAfile", ca, "-purpose", "sslserver", file("web.pem", pem)).ok,
    );
  });

  it("needs a rule that covers each of its names, the common name included", async () => {
    const { authority } = bench;
    const allowed = operator({ actions: ["cert:sign"], prefix: "dns/com/example/" });
    await authority.signCertificate(allowed, { csr: request("DNS:a.example.com,DNS:*.example.com") });
    const refused = [
      request("DNS:a.example.com,DNS:b.example.org"),
      request("DNS:a.example.com,IP:10.0.0.1"),
      request("DNS:example.com"),
      request("DNS:a.example.com.evil.net"),
      request("DNS:evilexample.com"),
      request("DNS:a.example.com", "b.example.org"),
      request("", "b.example.org"),
    ];
    for (const csr of refused)
      await assert.rejects(authority.signCertificate(allowed, { csr }), { code: "denied" });
    await authority.signCertificate(allowed, { csr: request("", "b.example.com") });
  });

  it("cannot bear an identity of Keyward's own, however it is written", async () => {
    const uris = [
      "keyward://node/db1?generation=9",
      "keyward://operator/root",
      "KEYWARD://node/db1?generation=9",
      "Keyward:x",
    ];
    for (const uri of uris) {
      const csr = request(`DNS:a.example.com,URI:${uri}`);
      await assert.rejects(bench.authority.signCertificate(root, { csr }), { code: "usage" });
    }
  });

  it("is for what was asked: clients, servers or both, for a limited time", async () => {
    const csr = request("DNS:a.example.com");
    const { pem } = await bench.authority.signCertificate(root, {
      csr,
      usage: ["client"],
      ttl: HOUR as DurationMs,
    });
    const facts = parseCertificate(pem);
    assert.deepEqual([facts.client, facts.server], [true, false]);
    for (const ttl of [0, 1000, 399 * DAY]) {
      await assert.rejects(bench.authority.signCertificate(root, { csr, ttl: ttl as DurationMs }), {
        code: "usage",
      });
    }
    await assert.rejects(bench.authority.signCertificate(root, { csr, usage: [] }), { code: "usage" });
    await assert.rejects(bench.authority.signCertificate(root, { csr: request("") }), { code: "usage" });
  });

  it("is listed by page, apart from nodes'", async () => {
    await bench.join("db1");
    for (const name of ["a", "b", "c"]) {
      await bench.authority.signCertificate(root, { csr: request(`DNS:${name}.example.com`) });
    }
    const first = await bench.authority.listCertificates(root, { limit: 2 });
    assert.deepEqual([first.certs.length, first.more], [2, true]);
    const rest = await bench.authority.listCertificates(root, {
      limit: 2,
      after: first.certs[1]?.serial ?? "",
    });
    assert.deepEqual([rest.certs.length, rest.more], [1, false]);
    await assert.rejects(bench.authority.listCertificates(operator()), { code: "denied" });
  });

  it("is not signed in a dry run", async () => {
    const { pem } = await bench.authority.signCertificate(
      { ...root, dryRun: true },
      { csr: request("DNS:a.example") },
    );
    assert.equal(pem, "");
    assert.equal((await bench.authority.listCertificates(root)).certs.length, 0);
  });
});

describe("an operator's certificate", () => {
  it("is for clients, and bears the operator's name only", async () => {
    const { csr } = bench.host("whatever");
    const { pem, info } = await bench.authority.signCertificate(root, {
      csr,
      operator: { name: "bob", rules: ["audit"] },
    });
    const facts = parseCertificate(pem);
    assert.deepEqual(facts.names, [{ kind: "uri", value: "keyward://operator/bob" }]);
    assert.deepEqual([facts.client, facts.server, info.subject], [true, false, "bob"]);
  });

  it("cannot allow more than who had it signed may", async () => {
    const { authority, rules } = bench;
    rules.set("admin", [{ actions: "*", prefix: "" }]);
    rules.set("db", [{ actions: ["key:read"], prefix: "db/" }]);
    const lead = operator(
      { actions: ["cert:sign"], prefix: "operator/" },
      { actions: ["key:read"], prefix: "db/" },
    );
    const { csr } = bench.host("bob");
    await authority.signCertificate(lead, { csr, operator: { name: "bob", rules: ["db"] } });
    for (const rule of ["admin", "audit"]) {
      const operator = { name: "bob", rules: ["db", rule] };
      await assert.rejects(authority.signCertificate(lead, { csr, operator }), { code: "denied" });
    }
    const [event] = await bench.journal.recent(1);
    assert.deepEqual([event?.action, event?.outcome], ["cert:sign", "denied"]);
    const other = operator({ actions: ["cert:sign"], prefix: "dns/" });
    await assert.rejects(
      authority.signCertificate(other, { csr, operator: { name: "bob", rules: ["db"] } }),
      { code: "denied" },
    );
    await assert.rejects(
      authority.signCertificate(root, { csr, operator: { name: "bob", rules: ["gone"] } }),
      { code: "not-found" },
    );
  });
});

describe("a revoked certificate", () => {
  const sign = async (name: string) => bench.authority.signCertificate(root, { csr: request(`DNS:${name}`) });
  const check = async (pem: string) => {
    const ca = file(
      "ca.pem",
      bench.authority
        .show()
        .certificates.map((one) => one.pem)
        .join(""),
    );
    const crl = file("crl.pem", await bench.authority.crl());
    return openssl("verify", "-crl_check", "-CAfile", ca, "-CRLfile", crl, file("leaf.pem", pem));
  };

  it("is refused by OpenSSL with the list, from the next list on", async () => {
    const [kept, gone] = [await sign("a.example.com"), await sign("b.example.com")];
    assert.ok((await check(gone.pem)).ok);
    const info = await bench.authority.revokeCertificate(root, gone.info.serial);
    assert.equal(info.revoked, bench.now);
    assert.match((await check(gone.pem)).text, /revoked/);
    assert.ok((await check(kept.pem)).ok);
  });

  it("may be a node's, when the node is revoked or removed, also once another has its name", async () => {
    const [a, b, c] = [await bench.join("a"), await bench.join("b"), await bench.join("c")];
    for (const { certificate } of [a, b, c]) assert.ok((await check(certificate)).ok);
    await bench.putNode({ name: "a" as NodeName, state: "revoked" });
    assert.match((await check(a.certificate)).text, /revoked/);
    await bench.removeNode("b");
    assert.match((await check(b.certificate)).text, /revoked/);
    bench.now += 1;
    await bench.join("b");
    assert.match((await check(b.certificate)).text, /revoked/);
    assert.ok((await check(c.certificate)).ok);
    await bench.putNode({ name: "a" as NodeName, state: "active" });
    assert.ok((await check(a.certificate)).ok);
  });

  it("leaves the list when it has expired", async () => {
    const { info } = await sign("a.example.com");
    await bench.authority.revokeCertificate(root, info.serial);
    const listed = async () =>
      openssl("crl", "-in", file("crl.pem", await bench.authority.crl()), "-noout", "-text").text;
    assert.match((await listed()).toLowerCase(), new RegExp(info.serial));
    bench.now += 91 * DAY;
    assert.match(await listed(), /No Revoked/);
  });

  it("of the old CA is on the old CA's own list, during the overlap", async () => {
    const { pem, info } = await sign("a.example.com");
    await bench.authority.rotate(root, { overlap: HOUR as DurationMs });
    assert.ok((await check(pem)).ok);
    await bench.authority.revokeCertificate(root, info.serial);
    assert.match((await check(pem)).text, /revoked/);
    assert.equal((await bench.authority.crl()).match(/BEGIN X509 CRL/g)?.length, 2);
  });

  it("needs a rule that covers its names", async () => {
    const { info } = await sign("a.example.com");
    const wrong = operator({ actions: ["cert:revoke"], prefix: "dns/com/other/" });
    await assert.rejects(bench.authority.revokeCertificate(wrong, info.serial), { code: "denied" });
    const right = operator({ actions: ["cert:revoke"], prefix: "dns/com/example/" });
    await bench.authority.revokeCertificate(right, info.serial);
  });

  it("must be known, and not a node's", async () => {
    await assert.rejects(bench.authority.revokeCertificate(root, "ab"), { code: "not-found" });
    const { serial } = parseCertificate((await bench.join("db1")).certificate);
    await assert.rejects(bench.authority.revokeCertificate(root, serial), { code: "usage", message: /db1/ });
  });
});

describe("the list itself", () => {
  it("is made when something changed and at half its life, not when it is asked for", async () => {
    const first = await bench.authority.crl();
    bench.now += DAY;
    assert.equal(await bench.authority.crl(), first);
    bench.now += 3 * DAY;
    const second = await bench.authority.crl();
    assert.notEqual(second, first);
    await bench.join("db1");
    assert.notEqual(await bench.authority.crl(), second);
  });

  it("has a number that grows", async () => {
    const number = async () => {
      const { text } = openssl(
        "crl",
        "-in",
        file("crl.pem", await bench.authority.crl()),
        "-noout",
        "-crlnumber",
      );
      return BigInt(text.trim().replace("crlNumber=", ""));
    };
    const before = await number();
    await bench.join("db1");
    assert.ok((await number()) > before);
  });
});

describe("tending", () => {
  it("forgets what has run out, and nothing else", async () => {
    const { authority, store } = bench;
    await bench.join("db1");
    await authority.createJoinToken(root, {});
    const { pem } = await authority.signCertificate(root, {
      csr: request("DNS:a.example.com"),
      ttl: HOUR as DurationMs,
    });
    await authority.signCertificate(root, { csr: request("DNS:b.example.com") });
    await authority.rotate(root, { overlap: HOUR as DurationMs });
    await authority.enrol({ csr: bench.host("stranger").csr });
    const count = async (prefix: string) => (await store.range({ prefix })).length;
    const counts = async () =>
      Promise.all(
        ["certificates/nodes/", "certificates/others/", "join-tokens/", "authorities/", "nodes/"].map(count),
      );
    assert.deepEqual(await counts(), [1, 2, 1, 2, 2]);
    await authority.tend();
    assert.deepEqual(await counts(), [1, 2, 1, 2, 2]);
    bench.now += DAY;
    await authority.tend();
    assert.deepEqual(await counts(), [0, 1, 0, 1, 2]);
    bench.now += 7 * DAY;
    await authority.tend();
    assert.deepEqual(await counts(), [0, 1, 0, 1, 1]);
    assert.equal((await bench.node("db1"))?.state, "active");
    assert.ok(pem);
  });

  it("keeps a waiting node that an operator has said something about", async () => {
    await bench.authority.enrol({ csr: bench.host("web1").csr });
    const attributes = { set: { role: "web" }, attested: {}, inventory: {}, reported: {} };
    await bench.putNode({ name: "web1" as NodeName, attributes });
    bench.now += 30 * DAY + MINUTE;
    await bench.authority.tend();
    assert.equal((await bench.node("web1"))?.state, "pending");
  });
});

describe("names as rules see them", () => {
  it("turn domains round, so that a prefix covers a domain", () => {
    const seen = (kind: "dns" | "ip" | "uri" | "email", value: string) =>
      resourceOf(makeSan(kind, value, "name"));
    assert.equal(seen("dns", "Web.Example.com"), "dns/com/example/web");
    assert.equal(seen("dns", "localhost"), "dns/localhost");
    assert.equal(seen("ip", "2001:DB8::1"), "ip/2001:db8::1");
    assert.equal(seen("uri", "spiffe://a/b"), "uri/spiffe://a/b");
    assert.equal(seen("email", "ops@Example.com"), "email/com/example/ops");
    assert.equal(seen("email", "lab/ops@example.com"), "email/com/example/lab%2Fops");
    assert.equal(seen("email", "ops@lab.example.com"), "email/com/example/lab/ops");
  });
});
