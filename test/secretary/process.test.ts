/** The daemon as people start it: flags, variables, TLS, signals; and every recorded exchange through it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openResponse } from "../../src/formats/secretary/exchange.ts";
import { formatPrivateKey, formatPublicKey } from "../../src/formats/secretary/keys.ts";
import { createTestCa } from "../../src/server/tls-for-test.ts";
import { startFakeKms } from "../kms/fake-kms.ts";
import { bytes, keyBetween, load } from "../vectors/secretary/load.ts";
import { until } from "../waiting.ts";
import { exchange } from "./daemon.ts";
import { ask, config, marathonCalls, master, requestBody, sealed } from "./deployment.ts";
import { runToEnd, startDaemonProcess } from "./process.ts";
import { startUpstream } from "./upstream.ts";

const folder = mkdtempSync(join(tmpdir(), "keyward-daemon-"));
after(() => rmSync(folder, { recursive: true }));
const { daemonEnv, cases, kms } = load("daemon-exchanges");

test("every recorded exchange goes through one daemon, KMS included, and SIGTERM ends it in order", async () => {
  const fake = await startFakeKms();
  const answer = JSON.stringify({
    KeyId: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    Plaintext: Buffer.from(kms.dataKey_hex, "hex").toString("base64"),
  });
  fake.recorded.push({
    operation: "Decrypt",
    body: JSON.stringify({ CiphertextBlob: kms.ciphertextBlob_b64 }),
    answer,
  });
  const upstream = await startUpstream();
  const daemon = await startDaemonProcess({
    words: [
      "daemon",
      "--ip",
      "127.0.0.1",
      "--port",
      "0",
      "--marathon-url",
      upstream.url,
      "--mesos-leader-url",
      upstream.url,
    ],
    env: {
      ...daemonEnv,
      AWS_ENDPOINT_URL: fake.endpoint,
      AWS_REGION: fake.region,
      AWS_ACCESS_KEY_ID: fake.account.accessKeyId,
      AWS_SECRET_ACCESS_KEY: fake.account.secretAccessKey,
    },
  });
  let count = 0;
  for (const { name, exchanges } of cases) {
    // several recordings of one id differ in their answers
    await new Promise((resolve) => setTimeout(resolve, name.startsWith("mesos") ? 1010 : 0));
    for (const one of exchanges) {
      upstream.serve(one.upstream);
      const { status, body } = await exchange(daemon.port, bytes(one.request.raw_b64));
      assert.equal(status, 200, `${name}: ${body}`);
      const [outer, inner] = one.requestLayers.map((layer: { openWith: { publicKey: string } }) =>
        keyBetween("master.private", layer.openWith.publicKey),
      );
      const layers = inner === undefined ? { deploy: outer } : { deploy: outer, service: inner };
      const { value } = openResponse(layers, body, { nonces: [] });
      assert.equal(Buffer.from(value.reveal()).toString("base64"), one.plaintext_b64, name);
      count += 1;
    }
  }
  assert.ok(count >= 28, String(count));
  assert.deepEqual(await daemon.stop(), { status: 0, signal: null });
  assert.match(daemon.log(), /stopped/);
  assert.doesNotMatch(daemon.log(), /correct horse/);
  await upstream.close();
  await fake.stop();
});

function refusesCallers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("error", () => resolve(true));
  });
}

test("a request under way is answered before the daemon ends", async () => {
  const envelope = sealed("late, but whole");
  const upstream = await startUpstream(marathonCalls({ env: { PW: envelope } }));
  const daemon = await startDaemonProcess({
    program: "secretary",
    words: ["daemon", "-i", "127.0.0.1", "-p=0", `--marathon-url=${upstream.url}`],
    env: {
      MASTER_PRIVATE_KEY: formatPrivateKey(master.privateKey),
      CONFIG_PUBLIC_KEY: formatPublicKey(config.publicKey),
    },
  });
  const { form } = requestBody(envelope);
  const head = `POST /v1/decrypt HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\nExpect: 100-continue\r\n\r\n`;
  const socket = connect(daemon.port, "127.0.0.1", () => socket.write(head + form.slice(0, 50)));
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  const answered = new Promise((resolve, reject) => {
    socket.on("end", resolve).on("error", reject);
  });
  await until("it is under way", () => text === "HTTP/1.1 100 Continue\r\n\r\n");
  const ended = daemon.stop();
  await until("it takes no more", () => refusesCallers(daemon.port));
  socket.write(form.slice(50));
  await answered;
  assert.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  assert.deepEqual(await ended, { status: 0, signal: null });
  await upstream.close();
});

test("values of several generations open at once, and the log says with which keys", async () => {
  const upstream = await startUpstream();
  const old = load("keys").pairs.find(({ name }: { name: string }) => name === "master");
  writeFileSync(join(folder, "new-master.pem"), formatPrivateKey(master.privateKey), { mode: 0o600 });
  writeFileSync(join(folder, "old-master.pem"), old.privatePem, { mode: 0o600 });
  const daemon = await startDaemonProcess({
    words: [
      ...[
        "daemon",
        "--ip",
        "127.0.0.1",
        "--port",
        "0",
        "--marathon-url",
        upstream.url,
        "--mesos-leader-url",
        "none",
      ],
      ...["--master-key", "new-master.pem", "--master-key", "old-master.pem"],
      ...["--config-key", "CONFIG_NEW", "--config-key", "CONFIG_PUBLIC_KEY"],
    ],
    env: { ...daemonEnv, CONFIG_NEW: formatPublicKey(config.publicKey) },
    cwd: folder,
  });
  const envelope = sealed("new");
  upstream.serve(marathonCalls({ env: { PW: envelope } }));
  assert.equal((await ask(`http://127.0.0.1:${daemon.port}`, envelope)).value, "new");
  const [{ exchanges }] = cases;
  upstream.serve(exchanges[0].upstream);
  await new Promise((resolve) => setTimeout(resolve, 1010));
  assert.equal((await exchange(daemon.port, bytes(exchanges[0].request.raw_b64))).status, 200);
  const keys = [...daemon.log().matchAll(/"keys":"(nacl:[^"]+)"/g)].map((match) => match[1]);
  assert.equal(new Set(keys).size, 2);
  await daemon.stop();
  await upstream.close();
});

test("half a TLS configuration, files that are no pair, a taken port and a missing key end it, and no port is open", async () => {
  const ca = await createTestCa();
  const { pem, key } = await ca.server();
  const other = await ca.server();
  const text = (secret: typeof key): string => Buffer.from(secret.reveal()).toString();
  writeFileSync(join(folder, "cert.pem"), pem);
  writeFileSync(join(folder, "key.pem"), text(key), { mode: 0o600 });
  writeFileSync(join(folder, "other.pem"), text(other.key), { mode: 0o600 });
  const refuse = async (words: readonly string[], why: RegExp, env: Record<string, string> = daemonEnv) => {
    for (const program of ["keyward", "secretary"]) {
      const { status, stderr } = await runToEnd({
        program,
        words: ["daemon", "-i", "127.0.0.1", "-p", "0", ...words],
        env,
        cwd: folder,
      });
      const isMissing = program === "keyward" && stderr.includes("failed to find");
      assert.equal(status, isMissing ? 3 : 1, stderr);
      assert.match(stderr, why);
      assert.doesNotMatch(stderr, /listening/);
    }
  };
  await refuse(["--tls-cert-file", "cert.pem"], /certificate without its key/);
  await refuse(["--tls-key-file", "key.pem"], /key without its certificate/);
  await refuse([], /key without its certificate/, { ...daemonEnv, TLS_KEY_FILE: "key.pem" });
  await refuse(["--tls-cert-file", "cert.pem", "--tls-key-file", "other.pem"], /not a pair/);
  await refuse(["--tls-cert-file", "cert.pem", "--tls-key-file", "nowhere.pem"], /nowhere\.pem/);
  await refuse([], /aster private key/, {});
  await refuse(["--master-key", "nowhere"], /nowhere/);
  await refuse(["--marathon-url", "ftp://x"], /address/);
  const taken = await startUpstream();
  const { status, stderr } = await runToEnd({
    words: ["daemon", "-i", "127.0.0.1", "-p", new URL(taken.url).port],
    env: daemonEnv,
  });
  assert.equal(status, 1);
  assert.match(stderr, /already in use/);
  await taken.close();
});

test("over TLS it speaks 1.2 and 1.3 and nothing older, and never plain HTTP", async () => {
  const ca = await createTestCa();
  const { pem, key } = await ca.server();
  writeFileSync(join(folder, "tls-cert.pem"), pem);
  writeFileSync(join(folder, "tls-key.pem"), Buffer.from(key.reveal()), { mode: 0o600 });
  const daemon = await startDaemonProcess({
    words: ["daemon", "--ip", "127.0.0.1", "--port", "0"],
    env: {
      ...daemonEnv,
      TLS_CERT_FILE: join(folder, "tls-cert.pem"),
      TLS_KEY_FILE: join(folder, "tls-key.pem"),
    },
  });
  assert.match(daemon.log(), /Daemon listening on TLS 127\.0\.0\.1:/);
  const status = (maxVersion: "TLSv1.1" | "TLSv1.2" | "TLSv1.3"): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port: daemon.port,
        path: "/v1/status",
        ca: ca.pem,
        maxVersion,
        minVersion: "TLSv1" as const,
      };
      const sent = httpsRequest({ ...options, ciphers: "DEFAULT@SECLEVEL=0", agent: false }, (answer) => {
        answer.resume();
        resolve(
          `${answer.statusCode} ${(answer.socket as unknown as { getProtocol(): string }).getProtocol()}`,
        );
      });
      sent.on("error", reject).end();
    });
  assert.equal(await status("TLSv1.3"), "200 TLSv1.3");
  assert.equal(await status("TLSv1.2"), "200 TLSv1.2");
  await assert.rejects(status("TLSv1.1"));
  await assert.rejects(exchange(daemon.port, Buffer.from("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")));
  await daemon.stop();
});

test("its memory is not for others: no core files, no debugger by signal", async () => {
  const daemon = await startDaemonProcess({
    words: ["daemon", "--ip", "127.0.0.1", "--port", "0"],
    env: daemonEnv,
  });
  assert.equal(Number.parseInt(readFileSync(`/proc/${daemon.pid}/coredump_filter`, "utf8"), 16), 0);
  process.kill(daemon.pid, "SIGUSR1");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.doesNotMatch(daemon.log(), /Debugger/);
  const { status, stderr } = await runToEnd({
    words: ["daemon"],
    env: { ...daemonEnv, NODE_OPTIONS: "--inspect=0" },
  });
  assert.notEqual(status, 0, stderr);
  await daemon.stop();
});
