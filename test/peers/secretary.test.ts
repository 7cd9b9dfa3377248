/** The original Secretary and ours, each as the other's client and daemon, live. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { toBase64 } from "../../src/base/bytes.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { formatPrivateKey, formatPublicKey, generateKeyPair } from "../../src/formats/secretary/keys.ts";
import { createTestCa } from "../../src/server/tls-for-test.ts";
import {
  appId,
  config,
  deploy,
  marathonCalls,
  master,
  sealed,
  taskId,
  version,
} from "../secretary/deployment.ts";
import { type DaemonProcess, startDaemonProcess } from "../secretary/process.ts";
import { startUpstream, type UpstreamServer } from "../secretary/upstream.ts";
import { originalSecretary } from "./go-secretary.ts";

const original = await originalSecretary();
const ours = path.join(import.meta.dirname, "../../bin/secretary");
const service = generateKeyPair(systemRandom);

interface Ran {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function run(
  program: string,
  words: readonly string[],
  env: Record<string, string>,
  stdin: string | Uint8Array = "",
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      words,
      { cwd: folder, env: { PATH: process.env.PATH ?? "", ...env }, encoding: "buffer" },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : ((error as { code?: number }).code ?? null);
        resolve({ status: typeof status === "number" ? status : null, stdout, stderr: stderr.toString() });
      },
    );
    child.stdin?.end(stdin);
  });
}

const folder = mkdtempSync(path.join(tmpdir(), "keyward-secretary-peer-"));
after(() => rmSync(folder, { recursive: true }));

const daemonEnv = {
  MASTER_PRIVATE_KEY: formatPrivateKey(master.privateKey),
  CONFIG_PUBLIC_KEY: formatPublicKey(config.publicKey),
};
const values = { DB_PASSWORD: "correct horse", TOKEN: "with 'quotes'\nand lines", EMPTY: "" };
const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sealed(value)]));
const clientEnv = (url: string, withService = false): Record<string, string> => ({
  ...given,
  SECRETARY_URL: url,
  MASTER_PUBLIC_KEY: formatPublicKey(master.publicKey),
  DEPLOY_PRIVATE_KEY: toBase64(deploy.privateKey.reveal()),
  ...(withService ? { SERVICE_PRIVATE_KEY: toBase64(service.privateKey.reveal()) } : {}),
  MARATHON_APP_ID: appId,
  MARATHON_APP_VERSION: version,
  MESOS_TASK_ID: taskId,
});

/** The original binds where it is told, so it is told a free port. */
async function startOriginal(marathon: string): Promise<{ url: string; child: ChildProcess }> {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address() as { port: number };
      probe.close(() => resolve(free));
    });
  });
  const words = ["daemon", "--ip", "127.0.0.1", "--port", String(port), "--marathon-url", marathon];
  const child = spawn(original.program ?? "", words, { cwd: folder, env: daemonEnv, stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 200; i++) {
    if (
      await fetch(`${url}/v1/status`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return { url, child };
}

describe("the original Secretary and ours", { skip: original.skip }, () => {
  let upstream: UpstreamServer;
  let our: DaemonProcess;
  let their: { url: string; child: ChildProcess };
  let ourUrl = "";

  before(async () => {
    upstream = await startUpstream(marathonCalls({ env: given }));
    our = await startDaemonProcess({
      words: ["daemon", "--ip", "127.0.0.1", "--port", "0", "--marathon-url", upstream.url],
      env: daemonEnv,
    });
    ourUrl = `http://127.0.0.1:${our.port}`;
    their = await startOriginal(upstream.url);
  });
  after(async () => {
    await our?.stop();
    their?.child.kill();
    await upstream?.close();
  });

  for (const withService of [false, true]) {
    const keys = withService ? "deploy and service key" : "deploy key";
    const serve = async (): Promise<void> => {
      const env = withService ? { ...given, SERVICE_PUBLIC_KEY: toBase64(service.publicKey) } : given;
      upstream.serve(marathonCalls({ env }));
      await new Promise((resolve) => setTimeout(resolve, 1010));
    };

    test(`the original's client opens standard input through our daemon, ${keys}`, async () => {
      await serve();
      const document = `a ${given.DB_PASSWORD} b ${given.EMPTY} c\n`;
      const { status, stdout, stderr } = await run(
        original.program ?? "",
        ["decrypt"],
        clientEnv(ourUrl, withService),
        document,
      );
      assert.equal(status, 0, stderr);
      assert.equal(stdout.toString(), "a correct horse b  c\n");
    });

    test(`the original's client opens the environment through our daemon, ${keys}`, async () => {
      await serve();
      const { status, stdout, stderr } = await run(
        original.program ?? "",
        ["decrypt", "-e"],
        clientEnv(ourUrl, withService),
      );
      assert.equal(status, 0, stderr);
      assert.ok(stdout.toString().includes("export DB_PASSWORD='correct horse'\n"));
      assert.ok(stdout.toString().includes("export EMPTY=''\n"));
    });

    test(`our client opens standard input and the environment through the original's daemon, ${keys}`, async () => {
      await serve();
      const document = `a ${given.DB_PASSWORD} b ${given.EMPTY} c\n`;
      const text = await run(ours, ["decrypt"], clientEnv(their.url, withService), document);
      assert.equal(text.status, 0, text.stderr);
      assert.equal(text.stdout.toString(), "a correct horse b  c\n");
      const lines = await run(ours, ["decrypt", "-e"], clientEnv(their.url, withService));
      assert.equal(lines.status, 0, lines.stderr);
      assert.ok(lines.stdout.toString().includes("export DB_PASSWORD='correct horse'\n"));
      assert.ok(lines.stdout.toString().includes(`export TOKEN='with '\\''quotes'\\''\nand lines'\n`));
    });
  }

  test("the original's client is refused by ours where the original refuses it, with a message of one line", async () => {
    upstream.serve(marathonCalls({ env: given }));
    await new Promise((resolve) => setTimeout(resolve, 1010));
    for (const url of [ourUrl, their.url]) {
      const foreign = await run(original.program ?? "", ["decrypt"], clientEnv(url), sealed("another's"));
      assert.equal(foreign.status, 1);
      assert.match(foreign.stderr, /HTTP 401/);
      const gone = await run(
        original.program ?? "",
        ["decrypt"],
        { ...clientEnv(url), MESOS_TASK_ID: "gone" },
        given.DB_PASSWORD,
      );
      assert.equal(gone.status, 1);
      assert.match(gone.stderr, /HTTP 500/);
    }
  });

  test("the original's client speaks TLS with our daemon", async () => {
    const ca = await createTestCa();
    const { pem, key } = await ca.otherServer();
    for (const [name, content] of [
      ["ca", ca.pem],
      ["cert", pem],
      ["key", Buffer.from(key.reveal()).toString()],
    ] as const)
      writeFileSync(path.join(folder, `${name}.pem`), content, { mode: 0o600 });
    const daemon = await startDaemonProcess({
      words: [
        "daemon",
        "--ip",
        "127.0.0.1",
        "--port",
        "0",
        "--marathon-url",
        upstream.url,
        "--tls-cert-file",
        "cert.pem",
        "--tls-key-file",
        "key.pem",
      ],
      env: daemonEnv,
      cwd: folder,
    });
    const url = `https://127.0.0.1:${daemon.port}`;
    const trusting = { ...clientEnv(url), SSL_CERT_FILE: path.join(folder, "ca.pem") };
    const { status, stdout, stderr } = await run(
      original.program ?? "",
      ["decrypt"],
      trusting,
      given.DB_PASSWORD,
    );
    assert.equal(status, 0, stderr);
    assert.equal(stdout.toString(), "correct horse");
    const distrusting = await run(original.program ?? "", ["decrypt"], clientEnv(url), given.DB_PASSWORD);
    assert.equal(distrusting.status, 1);
    await daemon.stop();
  });

  test("keys and values of either are read by the other", async () => {
    const [theirs, oursMade] = [path.join(folder, "theirs"), path.join(folder, "ours")];
    assert.equal((await run(original.program ?? "", ["genkeys", "--path", theirs], {})).status, 0);
    assert.equal((await run(ours, ["genkeys", "--path", oursMade], {})).status, 0);
    for (const keys of [theirs, oursMade])
      for (const [seal, open] of [
        [original.program ?? "", ours],
        [ours, original.program ?? ""],
      ] as const)
        for (const value of ["", "x", "with\nlines\n", "ü€", "y".repeat(70_000)]) {
          const to = [
            "--public-key",
            `${keys}/master-public-key.pem`,
            "--private-key",
            `${keys}/config-private-key.pem`,
          ];
          const sealedText = await run(seal, ["encrypt", ...to], {}, value);
          assert.equal(sealedText.status, 0, sealedText.stderr);
          const from = [
            "--config-key",
            `${keys}/config-public-key.pem`,
            "--private-key",
            `${keys}/master-private-key.pem`,
          ];
          const opened = await run(open, ["decrypt", ...from], {}, new Uint8Array(sealedText.stdout));
          assert.equal(opened.stdout.toString(), value, opened.stderr);
        }
  });
});
