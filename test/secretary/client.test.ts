import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { Secret } from "../../src/base/secret.ts";
import type { UnixMs } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { openRequest, sealResponse } from "../../src/formats/secretary/exchange.ts";
import { decodeForm } from "../../src/formats/secretary/form.ts";
import { sealNacl } from "../../src/formats/secretary/nacl.ts";
import type { DecryptRequest } from "../../src/formats/secretary/request.ts";
import { issueLeaf, makeCa, makeSerial, openIssuer } from "../../src/formats/x509/issue.ts";
import { bytes, keyBetween, load } from "../vectors/secretary/load.ts";
import { run } from "./run.ts";
import { answer, type Script, startScripted } from "./scripted-daemon.ts";

interface Client {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly environ?: readonly { readonly entry_b64: string }[];
  readonly stdin_b64: string;
  readonly exitCode: number;
  readonly stdout_b64: string;
  readonly stderr: string;
}

interface Case {
  readonly name: string;
  readonly client: Client;
  readonly http: readonly { readonly requestLine: string; readonly response_b64: string }[];
}

const cases = load("client-responses").cases as readonly Case[];

/** The recorded answers, with our port where the original's was. */
const replay =
  ({ http }: Case): Script =>
  (_, count, port) =>
    Buffer.from(
      bytes(http[count - 1]?.response_b64 ?? "")
        .reduce((text, byte) => text + String.fromCharCode(byte), "")
        .replace("127.0.0.1:5070", `127.0.0.1:${port}`),
      "latin1",
    );

const runClient = ({ client }: Case, url: string, env: Record<string, string> = {}) =>
  run({
    argv: client.argv,
    env: { ...client.env, ...env, SECRETARY_URL: url },
    ...(client.environ === undefined ? {} : { environ: client.environ.map((one) => one.entry_b64) }),
    stdin: bytes(client.stdin_b64),
  });

/** What failed, without why: that is Go's to say. */
const beginning = (text: string): string => text.split(" (")[0] ?? "";

for (const one of cases) {
  test(`the client, answered with ${one.name}: ${one.client.exitCode === 0 ? "takes it" : "refuses"}`, async (t) => {
    const { port, heard } = await startScripted(t, replay(one));
    const ran = await runClient(one, `http://127.0.0.1:${port}`);
    assert.equal(ran.exitCode, one.client.exitCode, ran.stderr);
    // Ours prints no line that did not open.
    assert.equal(ran.stdout.toString("base64"), one.client.exitCode === 0 ? one.client.stdout_b64 : "");
    assert.deepEqual(
      heard.map(({ line }) => line),
      one.http.map(({ requestLine }) => requestLine),
    );
    const words = ran.stderr.replace("JSON response", "JSON respons");
    if (/response-/.test(one.name))
      assert.equal(beginning(words).trim(), beginning(one.client.stderr).trim());
    else assert.equal(words, one.client.stderr);
  });
}

for (const one of load("weaknesses").client as readonly Case[]) {
  // That one is refused by our own daemon's echo only.
  if (one.name === "response-for-another-secret") continue;
  test(`the client, answered with ${one.name}: refuses, where the original took it`, async (t) => {
    const reflecting: Script = ({ body }) => answer(decodeForm(body).envelope);
    const { port } = await startScripted(t, /^reflection/.test(one.name) ? reflecting : replay(one));
    const ran = await runClient(one, `http://127.0.0.1:${port}`);
    assert.equal(ran.exitCode, 1);
    assert.equal(ran.stdout.length, 0);
  });
}

const ok = cases[0] as Case;

test("a slash at the end of the daemon's address does not matter", async (t) => {
  const { port, heard } = await startScripted(t, replay(ok));
  assert.equal((await runClient(ok, `http://127.0.0.1:${port}/`)).exitCode, 0);
  assert.equal(heard[0]?.line, "POST /v1/decrypt HTTP/1.1");
});

test("what is no web address is refused by name, and never repeated", async () => {
  for (const url of ["127.0.0.1:5070", "ftp://x", "http://x/?a=b"]) {
    const ran = await runClient(ok, url);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, /the daemon's address/);
  }
});

/** Our own daemon's way of answering: the request's id, and all of its envelopes. */
const layers = { deploy: keyBetween("deploy.private", "master.public") };

function ours(values: (request: DecryptRequest) => Parameters<typeof sealResponse>[1]): Script {
  return ({ body }) => {
    const { request } = openRequest(layers, decodeForm(body).envelope);
    return answer(sealResponse(layers, values(request), systemRandom));
  };
}

const envelopeOf = (name: string): string =>
  sealNacl(keyBetween("config.private", "master.public"), systemRandom(24), Buffer.from(name));

function environmentOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) =>
    Buffer.from(`V${i}=${envelopeOf(`value ${i}`)}`).toString("base64"),
  );
}

const daemonEnv = { ...ok.client.env };

test("many envelopes are one request to a daemon that knows how, each with its variable's name", async (t) => {
  const asked: string[] = [];
  const { port, heard } = await startScripted(
    t,
    ours((request) => {
      const all = [request, ...(request.also ?? [])];
      asked.push(...all.map(({ key }) => key));
      const [value, ...also] = all.map(({ key }) => ({ value: Secret.fromText(`of ${key}`) }));
      return { ...(value ?? assert.fail()), requestId: request.requestId ?? "", also };
    }),
  );
  const env = { ...daemonEnv, SECRETARY_URL: `http://127.0.0.1:${port}` };
  const ran = await run({ argv: ["decrypt", "-e"], env, environ: environmentOf(20) });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(heard.length, 1);
  assert.deepEqual(
    asked,
    Array.from({ length: 20 }, (_, i) => `V${i}`),
  );
  assert.match(ran.stdout.toString(), /^export V0='of V0'\nexport V1='of V1'\n/);
});

test("a daemon that answers the first alone is asked for the others one by one", async (t) => {
  const { port, heard } = await startScripted(
    t,
    ours(({ key }) => ({ value: Secret.fromText(`of ${key}`) })),
  );
  const env = { ...daemonEnv, SECRETARY_URL: `http://127.0.0.1:${port}` };
  const ran = await run({ argv: ["decrypt", "-e"], env, environ: environmentOf(20) });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(heard.length, 20);
  assert.match(ran.stdout.toString(), /^export V0='of V0'\n(?:.*\n)*export V19='of V19'\n$/);
});

test("one envelope that the daemon refuses among many refuses all, and is named", async (t) => {
  const { port } = await startScripted(
    t,
    ours((request) => ({
      value: Secret.fromText("a"),
      requestId: request.requestId ?? "",
      also: (request.also ?? []).map(({ key }) =>
        key === "V2" ? { error: "not allowed" } : { value: Secret.fromText("b") },
      ),
    })),
  );
  const env = { ...daemonEnv, SECRETARY_URL: `http://127.0.0.1:${port}` };
  const ran = await run({ argv: ["decrypt", "-e"], env, environ: environmentOf(4) });
  assert.equal(ran.exitCode, 1);
  assert.equal(ran.stdout.length, 0);
  assert.equal(ran.stderr, "V2: Failed to decrypt using daemon (HTTP 401 Error: not allowed)\n");
});

test("weakness response-for-another-secret: an answer with another request's id is refused", async (t) => {
  const { port } = await startScripted(
    t,
    ours(() => ({ value: Secret.fromText("old"), requestId: "an older one" })),
  );
  const ran = await runClient(ok, `http://127.0.0.1:${port}`);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /answers another request/);
});

test("a daemon that sent an id once must send it always, and with --require-request-id from the first", async (t) => {
  let count = 0;
  const script = ours(({ key, requestId }) => ({
    value: Secret.fromText(key),
    ...(count++ === 0 ? { requestId: requestId ?? "" } : {}),
  }));
  const { port } = await startScripted(t, script);
  const env = { ...daemonEnv, SECRETARY_URL: `http://127.0.0.1:${port}` };
  const two = await run({ argv: ["decrypt", "-e"], env, environ: environmentOf(2) });
  assert.equal(two.exitCode, 1);
  assert.match(two.stderr, /^V1: .*answers another request/);
  const argv = ["decrypt", "--require-request-id"];
  const strict = await run({ argv, env, stdin: bytes(ok.client.stdin_b64) });
  assert.equal(strict.exitCode, 1);
});

test("an answer without end is cut off, and one that never comes is not waited for", async (t) => {
  const endless = answer("A".repeat(5_000_000));
  const { port } = await startScripted(t, () => endless);
  const ran = await runClient(ok, `http://127.0.0.1:${port}`);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /more than 4194304 bytes/);
});

test("what a server says is no control over the terminal", async (t) => {
  const { port } = await startScripted(t, () => answer("\u001b[2Jgone\r\nforged", "500 No"));
  const ran = await runClient(ok, `http://127.0.0.1:${port}`);
  assert.doesNotMatch(ran.stderr.trimEnd(), /[\u0000-\u001f]/);
});

async function certificate() {
  const validity = {
    notBefore: (Date.now() - 60_000) as UnixMs,
    notAfter: (Date.now() + 3_600_000) as UnixMs,
  };
  const ca = await makeCa({ random: systemRandom, ...validity });
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const cert = await issueLeaf(await openIssuer(ca.pem, ca.privateKey), {
    ...validity,
    publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
    commonName: "localhost",
    names: [{ kind: "dns", value: "localhost" }],
    usages: ["server"],
    serial: makeSerial(systemRandom),
  });
  return { ca: ca.pem, cert, key: privateKey.export({ format: "pem", type: "pkcs8" }) as string };
}

test("tls: a private CA is trusted by SSL_CERT_FILE or --ca-file, and nothing else is", async (t) => {
  const { ca, cert, key } = await certificate();
  const { port } = await startScripted(t, replay(ok), { cert, key });
  const url = `https://localhost:${port}`;
  const files = { "ca.pem": ca };
  const stdin = bytes(ok.client.stdin_b64);
  const env = { ...daemonEnv, SECRETARY_URL: url };
  const trusted = await run({ argv: ["decrypt"], env: { ...env, SSL_CERT_FILE: "ca.pem" }, files, stdin });
  assert.equal(trusted.exitCode, 0, trusted.stderr);
  const other = await startScripted(t, replay(ok), { cert, key });
  const flag = await run({
    argv: ["decrypt", "--ca-file=ca.pem", "-s", `https://localhost:${other.port}`],
    env,
    files,
    stdin,
  });
  assert.equal(flag.exitCode, 0, flag.stderr);
  const untrusted = await run({ argv: ["decrypt"], env, stdin });
  assert.equal(untrusted.exitCode, 1);
  assert.match(untrusted.stderr, /^Failed to decrypt using daemon \(.*not signed by the CA/);
  const byAddress = { ...env, SECRETARY_URL: `https://127.0.0.1:${port}`, SSL_CERT_FILE: "ca.pem" };
  assert.equal((await run({ argv: ["decrypt"], env: byAddress, files, stdin })).exitCode, 1);
});

test("tls: plain HTTP to a TLS port, and TLS below 1.2, are refused", async (t) => {
  const { ca, cert, key } = await certificate();
  const modern = await startScripted(t, replay(ok), { cert, key });
  assert.equal((await runClient(ok, `http://127.0.0.1:${modern.port}`)).exitCode, 1);
  const old = await startScripted(t, replay(ok), {
    ...{ cert, key, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" },
  });
  const env = { ...daemonEnv, SECRETARY_URL: `https://localhost:${old.port}`, SSL_CERT_FILE: "ca.pem" };
  const ran = await run({
    argv: ["decrypt"],
    env,
    files: { "ca.pem": ca },
    stdin: bytes(ok.client.stdin_b64),
  });
  assert.equal(ran.exitCode, 1);
  assert.equal(old.heard.length, 0);
});

test("a redirect from HTTPS to plain HTTP is not followed", async (t) => {
  const { ca, cert, key } = await certificate();
  const plain = await startScripted(t, replay(ok));
  const script: Script = () =>
    answer("", "307 Temporary Redirect", `Location: http://127.0.0.1:${plain.port}/v1/decrypt`);
  const { port } = await startScripted(t, script, { cert, key });
  const env = { ...daemonEnv, SECRETARY_URL: `https://localhost:${port}`, SSL_CERT_FILE: "ca.pem" };
  const ran = await run({
    argv: ["decrypt"],
    env,
    files: { "ca.pem": ca },
    stdin: bytes(ok.client.stdin_b64),
  });
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /plain HTTP/);
  assert.deepEqual(plain.heard, []);
});

test("redirects without end are given up", async (t) => {
  const script: Script = (_, __, port) => answer("", "302 Found", `Location: http://127.0.0.1:${port}/again`);
  const { port, heard } = await startScripted(t, script);
  const ran = await runClient(ok, `http://127.0.0.1:${port}`);
  assert.equal(ran.exitCode, 1);
  assert.equal(heard.length, 11);
});
