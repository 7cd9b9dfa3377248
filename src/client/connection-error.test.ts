import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { before, describe, it, type TestContext } from "node:test";
import { isKeywardError, type KeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { type Issuer, issueLeaf, makeCa, makeSerial, openIssuer } from "../formats/x509/x509.ts";
import { createClient } from "./client.ts";

const HOUR = 3_600_000;
const from = (start: number, end: number) => ({
  notBefore: (Date.now() + start * HOUR) as UnixMs,
  notAfter: (Date.now() + end * HOUR) as UnixMs,
});

async function newCa(): Promise<Issuer> {
  const { pem, privateKey } = await makeCa({ random: systemRandom, ...from(-48, 48) });
  return await openIssuer(pem, privateKey);
}

let ca: Issuer;
before(async () => {
  ca = await newCa();
});

async function tlsServer(by: Issuer, name: string, validity = from(-1, 1), more = {}): Promise<Server> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const leaf = await issueLeaf(by, {
    publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
    commonName: name,
    names: [{ kind: "dns", value: name }],
    usages: ["server"],
    serial: makeSerial(systemRandom),
    ...validity,
  });
  const key = privateKey.export({ format: "pem", type: "pkcs8" });
  return createServer({ cert: leaf + by.pem, key, ...more }, (_, answer) => answer.end("{}"));
}

/** What a client that trusts `ca` says of a server on this machine. */
async function saidOf(t: TestContext, server: Server): Promise<KeywardError> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = createClient({ address: `https://localhost:${port}`, ca: [ca.pem] });
  t.after(async () => {
    await client.close();
    server.close();
  });
  const error = await client.call("ca.show", {}).then(
    () => assert.fail("it was answered"),
    (caught: unknown) => caught,
  );
  assert.ok(isKeywardError(error), String(error));
  assert.equal(error.code, "unreachable");
  assert.ok(error.message.startsWith(`localhost:${port}: `), error.message);
  return error;
}

describe("a server that is not believed", () => {
  it("whose certificate another CA signed", async (t) => {
    const error = await saidOf(t, await tlsServer(await newCa(), "localhost"));
    assert.match(error.message, /not signed by the CA that is trusted here/);
    assert.match(error.hint ?? "", /keyward login/);
  });

  it("whose certificate is for another name", async (t) => {
    const error = await saidOf(t, await tlsServer(ca, "keys.test"));
    assert.match(error.message, /certificate is for another name/);
    assert.match(error.hint ?? "", /keyward server --name/);
  });

  it("whose certificate has expired", async (t) => {
    const error = await saidOf(t, await tlsServer(ca, "localhost", from(-2, -1)));
    assert.match(error.message, /certificate has expired/);
    assert.match(error.hint ?? "", /clocks/);
  });

  it("whose certificate is not valid yet, as a clock that is behind has it", async (t) => {
    const error = await saidOf(t, await tlsServer(ca, "localhost", from(1, 2)));
    assert.match(error.message, /certificate is not valid yet/);
    assert.match(error.hint ?? "", /clocks/);
  });
});

describe("what is no server of ours", () => {
  it("speaks an older TLS", async (t) => {
    const error = await saidOf(t, await tlsServer(ca, "localhost", from(-1, 1), { maxVersion: "TLSv1.2" }));
    assert.match(error.message, /TLS failed/);
    assert.match(error.hint ?? "", /TLS 1\.3 only/);
  });

  it("speaks no TLS", async (t) => {
    const error = await saidOf(
      t,
      createPlainServer((_, answer) => answer.end()),
    );
    assert.match(error.message, /TLS failed/);
  });

  it("hangs up at once", async (t) => {
    const error = await saidOf(
      t,
      createTcpServer((socket) => socket.destroy()),
    );
    assert.match(error.message, /connection closed by the server/);
  });
});
