import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cpuMs } from "../../../test/waiting.ts";
import { fromHex, toHex, utf8 } from "../../base/bytes.ts";
import type { UnixMs } from "../../base/time.ts";
import { systemRandom } from "../../crypto/random.ts";
import { parseNodeName } from "../../model/name.ts";
import { context, der, tags } from "./der.ts";
import { makeRequest } from "./request-for-test.ts";
import {
  crossSign,
  fingerprintOf,
  formatIdentity,
  formatPem,
  type Issuer,
  identityOf,
  issueLeaf,
  makeCa,
  makeCrl,
  makeSan,
  makeSerial,
  type NewCa,
  openIssuer,
  parseCertificate,
  parsePem,
  parseRequest,
  readCertificate,
  type San,
} from "./x509.ts";

const DAY = 86_400_000;
const now = (Math.floor(Date.now() / 1000) * 1000) as UnixMs;
const validity = { notBefore: (now - DAY) as UnixMs, notAfter: (now + DAY) as UnixMs };

const directory = mkdtempSync(join(tmpdir(), "keyward-x509-"));
after(() => rmSync(directory, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function openssl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

const spkiOf = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ format: "der", type: "spki" }));
const p256 = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

let ca: NewCa;
let issuer: Issuer;
before(async () => {
  ca = await makeCa({ ...validity, random: systemRandom });
  issuer = await openIssuer(ca.pem, ca.privateKey);
});

const node: San[] = [formatIdentity({ kind: "node", name: parseNodeName("db1"), generation: 3 })];

async function issue(names: readonly San[], publicKey: KeyObject = p256().publicKey): Promise<string> {
  return issueLeaf(issuer, {
    ...validity,
    publicKey: spkiOf(publicKey),
    commonName: "db1",
    names,
    usages: ["client"],
    serial: makeSerial(systemRandom),
  });
}

describe("a certificate", () => {
  it("is accepted by OpenSSL under its CA, for its purpose only", async () => {
    const root = file("root.pem", ca.pem);
    const leaf = file("leaf.pem", await issue(node));
    assert.match(openssl("verify", "-x509_strict", "-CAfile", root, "-purpose", "sslclient", leaf), /OK/);
    assert.throws(
      () => openssl("verify", "-CAfile", root, "-purpose", "sslserver", leaf),
      /unsuitable certificate purpose/,
    );
    assert.match(
      openssl("x509", "-in", leaf, "-noout", "-ext", "subjectAltName"),
      /URI:keyward:\/\/node\/db1\?generation=3/,
    );
  });

  it("reads back as it was issued", async () => {
    const { publicKey } = p256();
    const names: San[] = [
      makeSan("dns", "*.Example.com", "name"),
      makeSan("ip", "10.1.2.3", "name"),
      makeSan("ip", "2001:DB8:0:0::1", "name"),
      makeSan("uri", "spiffe://a/b,c", "name"),
      makeSan("email", "ops@example.com", "name"),
    ];
    const pem = await issue(names, publicKey);
    const facts = parseCertificate(pem);
    const oracle = new X509Certificate(pem);
    assert.deepEqual(facts.names, names);
    assert.deepEqual(
      names.map(({ value }) => value),
      ["*.example.com", "10.1.2.3", "2001:db8::1", "spiffe://a/b,c", "ops@example.com"],
    );
    assert.equal(facts.serial, oracle.serialNumber.toLowerCase());
    assert.equal(facts.notBefore, validity.notBefore);
    assert.equal(facts.notAfter, validity.notAfter);
    assert.equal(facts.fingerprint, oracle.fingerprint256.replaceAll(":", "").toLowerCase());
    assert.equal(facts.keyFingerprint, fingerprintOf(spkiOf(publicKey)));
    assert.deepEqual([facts.client, facts.server], [true, false]);
  });

  it("may be for an RSA or an Ed25519 key", async () => {
    const root = file("root.pem", ca.pem);
    for (const { publicKey } of [
      generateKeyPairSync("ed25519"),
      generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ]) {
      const leaf = file("leaf.pem", await issue(node, publicKey));
      assert.match(openssl("verify", "-x509_strict", "-CAfile", root, leaf), /OK/);
    }
  });

  it("without a subject has critical names", async () => {
    const pem = await issueLeaf(issuer, {
      ...validity,
      publicKey: spkiOf(p256().publicKey),
      commonName: "x".repeat(65),
      names: node,
      usages: ["client", "server"],
      serial: makeSerial(systemRandom),
    });
    const [root, leaf] = [file("root.pem", ca.pem), file("leaf.pem", pem)];
    assert.match(openssl("verify", "-x509_strict", "-CAfile", root, leaf), /OK/);
    assert.match(openssl("x509", "-in", leaf, "-noout", "-ext", "subjectAltName"), /critical/);
  });

  it("is not read when a byte is missing, or one is left over", async () => {
    const bytes = parsePem(await issue(node), "CERTIFICATE", 99_999);
    for (let length = 0; length < bytes.byteLength; length++) {
      assert.throws(() => readCertificate(bytes.subarray(0, length)), { code: "malformed" });
    }
    assert.throws(() => readCertificate(new Uint8Array([...bytes, 0])), { code: "malformed" });
    assert.throws(() => readCertificate(new Uint8Array(16_385)), { code: "too-large" });
  });
});

describe("a cross-certificate", () => {
  it("leads who trusts only the old CA to what the new one issued", async () => {
    const next = await makeCa({ ...validity, random: systemRandom });
    const cross = await crossSign(issuer, next.pem, { ...validity, random: systemRandom });
    const newIssuer = await openIssuer(next.pem, next.privateKey);
    const pem = await issueLeaf(newIssuer, {
      ...validity,
      publicKey: spkiOf(p256().publicKey),
      commonName: "db1",
      names: node,
      usages: ["client"],
      serial: makeSerial(systemRandom),
    });
    const leaf = file("leaf.pem", pem);
    const [oldRoot, newRoot, link] = [
      file("old.pem", ca.pem),
      file("new.pem", next.pem),
      file("cross.pem", cross),
    ];
    assert.match(openssl("verify", "-x509_strict", "-CAfile", oldRoot, "-untrusted", link, leaf), /OK/);
    assert.match(openssl("verify", "-x509_strict", "-CAfile", newRoot, leaf), /OK/);
    assert.throws(() => openssl("verify", "-CAfile", oldRoot, leaf));
  });
});

describe("a revocation list", () => {
  it("is accepted by OpenSSL and refuses what it lists", async () => {
    const pems = [await issue(node), await issue(node)] as const;
    const serial = parseCertificate(pems[1]).serial;
    const dates = { thisUpdate: now, nextUpdate: validity.notAfter };
    const list = await makeCrl(issuer, { ...dates, revoked: [{ serial, at: now }] });
    const [root, crl] = [file("root.pem", ca.pem), file("crl.pem", list)];
    const text = openssl("crl", "-in", crl, "-CAfile", root, "-noout", "-text", "-verify");
    assert.match(text.toLowerCase(), new RegExp(`serial number: ${serial}`));
    assert.match(openssl("crl", "-in", crl, "-noout", "-crlnumber"), new RegExp(now.toString(16), "i"));
    const [kept, gone] = [file("kept.pem", pems[0]), file("gone.pem", pems[1])];
    assert.match(openssl("verify", "-crl_check", "-CAfile", root, "-CRLfile", crl, kept), /OK/);
    assert.throws(() => openssl("verify", "-crl_check", "-CAfile", root, "-CRLfile", crl, gone), /revoked/);
  });

  it("may be empty", async () => {
    const list = await makeCrl(issuer, { thisUpdate: now, nextUpdate: validity.notAfter, revoked: [] });
    assert.match(openssl("crl", "-in", file("crl.pem", list), "-noout", "-text"), /No Revoked Certificates/);
  });
});

describe("a request", () => {
  it("made by hand for the tests below is accepted by OpenSSL and read back", () => {
    for (const pair of [p256(), generateKeyPairSync("ed25519")]) {
      const pem = makeRequest(pair.privateKey, "db1.example.com");
      openssl("req", "-in", file("own.csr", pem), "-noout", "-verify");
      const request = parseRequest(pem);
      assert.equal(request.commonName, "db1.example.com");
      assert.equal(request.fingerprint, fingerprintOf(spkiOf(pair.publicKey)));
      assert.deepEqual(request.names, []);
    }
  });

  const keys = [
    ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ["ED25519"],
    ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  ];
  for (const [name = "", ...options] of keys) {
    it(`that OpenSSL writes for ${name} is read, names included`, () => {
      const key = join(directory, `${name}.key`);
      openssl("genpkey", "-algorithm", name, ...options, "-out", key);
      const names =
        "subjectAltName=DNS:a.example,DNS:b.example,IP:10.0.0.1,URI:spiffe://x/y,email:o@a.example";
      const pem = openssl("req", "-new", "-key", key, "-subj", "/O=Org/CN=a.example", "-addext", names);
      const request = parseRequest(pem);
      assert.equal(request.commonName, "a.example");
      assert.deepEqual(
        request.names.map(({ kind, value }) => `${kind} ${value}`),
        ["dns a.example", "dns b.example", "ip 10.0.0.1", "uri spiffe://x/y", "email o@a.example"],
      );
    });
  }

  it("for a weak or strange key, or signed with SHA-1, is refused", () => {
    const cases: [string, ...string[]][] = [
      ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
      ["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
      ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
      ["EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"],
      ["ED448"],
    ];
    for (const [name, ...options] of cases) {
      const key = join(directory, "weak.key");
      openssl("genpkey", "-algorithm", name, ...options, "-out", key);
      const pem = openssl("req", "-new", "-key", key, "-subj", "/CN=x");
      assert.throws(() => parseRequest(pem), /certificate request/, `${name} ${options.join(" ")}`);
    }
    const key = join(directory, "EC.key");
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key);
    const sha1 = openssl("req", "-new", "-key", key, "-subj", "/CN=x", "-sha1");
    assert.throws(() => parseRequest(sha1), { code: "usage", message: /SHA-256/ });
  });

  it("with any byte changed or missing is refused", () => {
    const bytes = parsePem(makeRequest(p256().privateKey, "db1"), "CERTIFICATE REQUEST", 99_999);
    const read = (changed: Uint8Array) => () => parseRequest(formatPem("CERTIFICATE REQUEST", changed));
    for (let i = 0; i < bytes.byteLength; i++) {
      const changed = bytes.slice();
      changed[i] = (changed[i] ?? 0) ^ 0x01;
      assert.throws(read(changed), { name: "KeywardError" }, `byte ${i}`);
      assert.throws(read(bytes.subarray(0, i)), { name: "KeywardError" });
    }
    assert.throws(read(new Uint8Array([...bytes, 0])), { code: "malformed" });
  });

  it("in another wrapping, or too large, is refused", () => {
    const pem = makeRequest(p256().privateKey, "db1");
    for (const text of [
      "",
      "x",
      pem + pem,
      pem.replace(" REQUEST", ""),
      `x${pem}`,
      pem.replace("\n", "\nA\n"),
    ]) {
      assert.throws(() => parseRequest(text), { code: "malformed" });
    }
    assert.throws(() => parseRequest(pem + " ".repeat(20_000)), { code: "too-large" });
  });
});

describe("names in a certificate", () => {
  const oid = (hex: string) => der(tags.oid, fromHex(hex, "oid"));
  const raw = (tag: number, text: string | Uint8Array) =>
    der(tag, typeof text === "string" ? utf8(text) : text);

  const requestWith = (...names: Uint8Array[]) => makeRequest(p256().privateKey, "x", names);

  it("are taken byte by byte, whatever a text form of them would look like", () => {
    const uri = "http://a/,DNS:evil.example";
    assert.deepEqual(parseRequest(requestWith(raw(0x86, uri))).names, [{ kind: "uri", value: uri }]);
  });

  const hostile: [string, ...Uint8Array[]][] = [
    ["a DNS name with a NUL", raw(0x82, "good.example\0.evil.example")],
    ["a DNS name with a comma", raw(0x82, "a.example,DNS:evil.example")],
    ["a DNS name with a blank", raw(0x82, "a.example ")],
    ["a DNS name with a line feed", raw(0x82, "a.example\nevil")],
    ["a DNS name that is not ASCII", raw(0x82, "exämple.com")],
    ["a DNS name that is an address", raw(0x82, "10.0.0.1")],
    ["a DNS name with an empty label", raw(0x82, "a..example")],
    ["a DNS name that is too long", raw(0x82, `${"a".repeat(60)}.`.repeat(5))],
    ["a wildcard in the middle", raw(0x82, "a.*.example")],
    ["a wildcard over a top domain", raw(0x82, "*.example")],
    ["an empty DNS name", raw(0x82, "")],
    ["an address of five bytes", raw(0x87, new Uint8Array(5))],
    ["a URI with a quotation mark", raw(0x86, 'http://a/"')],
    ["a URI without a scheme", raw(0x86, "//a/b")],
    ["a mail address without a host", raw(0x81, "ops@")],
    ["a slow mail address", raw(0x81, `a@${"a".repeat(2000)}!`)],
    ["a name of another kind", der(context(0), oid("551d11"))],
    ["a directory name", der(context(4), der(tags.sequence))],
    ["no name"],
    ["too many names", ...Array.from({ length: 65 }, (_, i) => raw(0x82, `a${i}.example`))],
    ["a length in a longer form than needed", new Uint8Array([0x82, 0x81, 0x01, 0x61])],
    ["a length that is indefinite", new Uint8Array([0x82, 0x80, 0x61, 0x00, 0x00])],
    ["a length past the end", new Uint8Array([0x82, 0x05, 0x61])],
  ];
  for (const [name, ...names] of hostile) {
    it(`are refused with ${name}`, () => {
      const started = cpuMs();
      assert.throws(() => parseRequest(requestWith(...names)), { name: "KeywardError" });
      assert.ok(cpuMs() - started < 4000);
    });
  }
});

describe("an identity", () => {
  const of = (...uris: string[]) => identityOf(uris.map((value) => ({ kind: "uri" as const, value })));

  it("is a node with its generation, or an operator", () => {
    assert.deepEqual(of("keyward://node/db1.example?generation=12"), {
      kind: "node",
      name: "db1.example",
      generation: 12,
    });
    assert.deepEqual(of("keyward://operator/team/alice"), { kind: "operator", name: "team/alice" });
    assert.equal(of("spiffe://a/b"), null);
    assert.equal(identityOf([{ kind: "dns", value: "keyward" }]), null);
  });

  const wrong = [
    ["keyward://node/db1"],
    ["keyward://node/db1?generation=0"],
    ["keyward://node/db1?generation=01"],
    ["keyward://node/db1?generation=1&generation=2"],
    ["keyward://node/db1?generation=1e3"],
    ["keyward://node/?generation=1"],
    ["keyward://node/a/b?generation=1"],
    ["keyward://node/%61?generation=1"],
    ["keyward://node/../x?generation=1"],
    ["KEYWARD://node/db1?generation=1"],
    ["keyward:node/db1?generation=1"],
    ["keyward://other/db1"],
    ["keyward://operator/alice?generation=1"],
    ["keyward://operator/alice/"],
    ["keyward://operator/alice#x"],
    ["keyward://operator/alice", "keyward://operator/alice"],
    ["keyward://node/db1?generation=1", "keyward://operator/alice"],
  ];
  for (const uris of wrong) {
    it(`is not ${uris.join(" with ")}`, () => {
      assert.throws(() => of(...uris), { name: "KeywardError" });
    });
  }
});

describe("what is kept of a CA", () => {
  it("is its key in PKCS #8, which OpenSSL reads", async () => {
    const made = await makeCa({ ...validity, random: systemRandom });
    const key = createPrivateKey({
      key: Buffer.from(made.privateKey.reveal()),
      format: "der",
      type: "pkcs8",
    });
    assert.ok(new X509Certificate(made.pem).checkPrivateKey(key));
    assert.equal(toHex(fromHex(made.fingerprint, "fingerprint")), made.fingerprint);
  });

  it("has serial numbers that are positive and of one length", () => {
    for (const first of [0x00, 0x80, 0xff]) {
      assert.match(
        makeSerial((length) => new Uint8Array(length).fill(first)),
        /^[4-7][0-9a-f]{31}$/,
      );
    }
  });
});
