import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import { connect, createServer, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import type { DurationMs } from "../base/time.ts";
import type { Principal } from "../model/principal.ts";
import { type Bench, DAY, HOUR, MINUTE, openBench, root } from "./authority-for-test.ts";
import type { ServerCertificate } from "./server-certificate.ts";

const directory = mkdtempSync(join(tmpdir(), "keyward-ca-"));
after(() => rmSync(directory, { recursive: true }));

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const issuing = () => {
  const [first] = bench.authority.show().certificates;
  assert.ok(first);
  return first;
};
const rotate = (overlap: number) => bench.authority.rotate(root, { overlap: overlap as DurationMs });

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

interface Handshake {
  /** `ok`, or OpenSSL's reason. */
  readonly client: string;
  /** Fingerprint of the root at the end of what the server presents, as first contact sees it. */
  readonly anchor: string;
  readonly node: boolean;
}

/** A client that trusts these CAs meets a server with this certificate. */
async function handshake(
  server: ServerCertificate,
  ca: string[],
  node?: { cert: string; key: string },
): Promise<Handshake> {
  let nodeAccepted = false;
  const listener = createServer(
    {
      cert: server.chain,
      key: Buffer.from(server.key.reveal()),
      ca: [...server.trusted],
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: "TLSv1.3",
    },
    (socket) => {
      nodeAccepted = socket.authorized;
      socket.on("error", () => {});
      socket.end("x");
    },
  );
  listener.on("tlsClientError", () => {});
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const dial = (options: object): TLSSocket =>
    connect({ port, host: "127.0.0.1", servername: "localhost", ...options });
  try {
    const strict = dial({ ca, ...node });
    const client = await new Promise<string>((resolve) => {
      strict.on("data", () => resolve("ok"));
      strict.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    });
    strict.destroy();
    const lax = dial({ rejectUnauthorized: false });
    await once(lax, "secureConnect");
    const anchor = rootOf(lax.getPeerCertificate(true));
    lax.destroy();
    return { client, anchor, node: nodeAccepted };
  } finally {
    listener.close();
  }
}

function rootOf(leaf: DetailedPeerCertificate): string {
  let at = leaf;
  while (at.issuerCertificate !== undefined && at.issuerCertificate !== at) at = at.issuerCertificate;
  return at.fingerprint256.replaceAll(":", "").toLowerCase();
}

describe("the CA", () => {
  it("is made once", async () => {
    const { fingerprint } = issuing();
    await bench.authority.initialise(root);
    assert.deepEqual(
      bench.authority.show().certificates.map((one) => [one.fingerprint, one.state]),
      [[fingerprint, "issuing"]],
    );
    const certificate = new X509Certificate(issuing().pem);
    assert.equal(certificate.fingerprint256.replaceAll(":", "").toLowerCase(), fingerprint);
    assert.ok(certificate.ca);
    assert.ok(issuing().notAfter - bench.now > 3650 * DAY);
  });

  it("keeps its private key sealed: no record holds it", async () => {
    for (const { key, value } of await bench.store.range({ prefix: "authorities/" })) {
      assert.doesNotMatch(Buffer.from(value).toString(), /PRIVATE KEY/, key);
    }
    bench.rootKey.lock();
    await assert.rejects(bench.authority.serverCertificate(["localhost"]), { code: "sealed" });
    assert.equal(bench.authority.show().certificates.length, 1);
  });

  it("is shown by a server that started while sealed", async () => {
    bench.rootKey.lock();
    const other = bench.second();
    await other.ready;
    assert.deepEqual(other.show(), bench.authority.show());
    other.close();
  });

  it("does not sign with a certificate that was exchanged in its record", async () => {
    const [record] = await bench.store.range({ prefix: "authorities/" });
    assert.ok(record);
    const row = JSON.parse(Buffer.from(record.value).toString());
    const foreign = await openBench();
    const pem = foreign.authority.show().certificates[0]?.pem;
    foreign.close();
    await bench.transact((tx) => tx.put(record.key, Buffer.from(JSON.stringify({ ...row, pem }))));
    await assert.rejects(bench.authority.serverCertificate(["localhost"]), { code: "integrity" });
  });

  it("vouches for the server by its names", async () => {
    const server = await bench.authority.serverCertificate(["localhost", "127.0.0.1"]);
    const { client, anchor } = await handshake(server, [issuing().pem]);
    assert.deepEqual([client, anchor], ["ok", issuing().fingerprint]);
    assert.equal(server.notAfter, bench.now + 90 * DAY);
    assert.equal(server.renew, bench.now + 60 * DAY);
    const other = await bench.authority.serverCertificate(["other.example"]);
    assert.equal((await handshake(other, [issuing().pem])).client, "ERR_TLS_CERT_ALTNAME_INVALID");
    await assert.rejects(bench.authority.serverCertificate(["not a name"]), { code: "malformed" });
  });
});

describe("rotation of the CA", () => {
  it("is accepted by who trusts the old CA and by who trusts the new one, until the overlap ends", async () => {
    const old = issuing();
    const host = bench.host("db1");
    const { certificate } = await bench.join("db1", host);
    const node = { cert: certificate, key: host.key.export({ format: "pem", type: "pkcs8" }).toString() };
    await rotate(4 * MINUTE);
    const fresh = issuing();
    assert.notEqual(fresh.fingerprint, old.fingerprint);
    assert.deepEqual(
      bench.authority.show().certificates.map(({ state, trustedUntil }) => [state, trustedUntil]),
      [
        ["issuing", undefined],
        ["trusted", bench.now + 4 * MINUTE],
      ],
    );

    const during = await bench.authority.serverCertificate(["localhost"]);
    const byOld = await handshake(during, [old.pem], node);
    assert.deepEqual([byOld.client, byOld.node], ["ok", true]);
    assert.equal((await handshake(during, [fresh.pem])).client, "ok");
    assert.equal((await bench.authority.createJoinToken(root, {})).caFingerprint, byOld.anchor);

    bench.now += 4 * MINUTE;
    const later = await bench.authority.serverCertificate(["localhost"]);
    assert.notEqual((await handshake(later, [old.pem])).client, "ok");
    const byNew = await handshake(later, [fresh.pem], node);
    assert.deepEqual([byNew.client, byNew.node, byNew.anchor], ["ok", false, fresh.fingerprint]);
    assert.equal((await bench.authority.createJoinToken(root, {})).caFingerprint, fresh.fingerprint);
    assert.deepEqual((await bench.join("db2")).ca, [fresh.pem]);
  });

  it("holds for openssl verify too", async () => {
    const old = issuing();
    await rotate(HOUR);
    const { chain } = await bench.authority.serverCertificate(["localhost"]);
    const [leaf = "", ...rest] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
    const verify = (name: string, ca: string) =>
      spawnSync(
        "openssl",
        [
          "verify",
          "-x509_strict",
          "-CAfile",
          file(name, ca),
          "-untrusted",
          file("rest.pem", rest.join("")),
          file("leaf.pem", leaf),
        ],
        { encoding: "utf8" },
      );
    assert.match(verify("old.pem", old.pem).stdout, /OK/);
    assert.match(verify("new.pem", issuing().pem).stdout, /OK/);
  });

  it("twice in a row is followed by who trusts the first CA", async () => {
    const first = issuing();
    await rotate(DAY);
    const second = issuing();
    await rotate(DAY);
    const server = await bench.authority.serverCertificate(["localhost"]);
    for (const { pem } of [first, second, issuing()])
      assert.equal((await handshake(server, [pem])).client, "ok");
    assert.equal(
      (await handshake(server, [first.pem])).anchor,
      (await bench.authority.createJoinToken(root, {})).caFingerprint,
    );
  });

  it("without overlap ends the trust in all CAs before at once", async () => {
    await rotate(DAY);
    await rotate(0);
    assert.deepEqual(
      bench.authority.show().certificates.map(({ state }) => state),
      ["issuing"],
    );
    const server = await bench.authority.serverCertificate(["localhost"]);
    assert.equal((await handshake(server, [issuing().pem])).anchor, issuing().fingerprint);
  });

  it("tells who listens, on other servers too", async () => {
    const other = bench.second();
    await other.ready;
    let heard = 0;
    const stop = other.onTrustChange(() => {
      heard += 1;
    });
    await rotate(HOUR);
    assert.ok(heard > 0);
    assert.deepEqual(other.show(), bench.authority.show());
    stop();
    other.close();
  });

  it("needs the right to, and changes nothing in a dry run", async () => {
    const by: Principal = { kind: "operator", name: "alice", rules: [] };
    await assert.rejects(bench.authority.rotate({ by }), { code: "denied" });
    const before = bench.authority.show();
    const preview = await bench.authority.rotate({ ...root, dryRun: true });
    assert.equal(preview.certificates.length, 2);
    assert.deepEqual(bench.authority.show(), before);
    for (const overlap of [-1, 367 * DAY, 0.5]) await assert.rejects(rotate(overlap), { code: "usage" });
  });
});
