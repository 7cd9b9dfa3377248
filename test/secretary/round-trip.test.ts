/** Our client, our deploy keys and our daemon together, each as a process. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { type AddressInfo, connect, createServer } from "node:net";
import path from "node:path";
import { after, test } from "node:test";
import { toBase64 } from "../../src/base/bytes.ts";
import { formatPrivateKey, formatPublicKey } from "../../src/formats/secretary/keys.ts";
import { type } from "../cli/world.ts";
import {
  appId,
  config,
  deploy,
  marathonCalls,
  master,
  mesosCalls,
  sealed,
  taskId,
  version,
} from "./deployment.ts";
import { startDaemonProcess } from "./process.ts";
import { startUpstream } from "./upstream.ts";

const keyward = path.join(import.meta.dirname, "../../bin/keyward");
const daemonEnv = {
  MASTER_PRIVATE_KEY: formatPrivateKey(master.privateKey),
  CONFIG_PUBLIC_KEY: formatPublicKey(config.publicKey),
};

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function keywardRun(words: readonly string[], env: Record<string, string>): Promise<Ran> {
  const child = spawn(keyward, words, { env: { PATH: process.env.PATH ?? "", ...env } });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (chunk) => {
      text[name] += chunk;
    });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, ...text })));
}

/** Passes bytes on, and counts the requests among them. */
async function countingProxy(
  port: number,
): Promise<{ readonly port: number; posts(): number; close(): void }> {
  let posts = 0;
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    client.on("data", (chunk) => {
      posts += chunk.toString("latin1").split("POST /v1/decrypt").length - 1;
    });
    client.pipe(upstream).pipe(client);
    for (const one of [client, upstream]) one.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, posts: () => posts, close: () => server.close() };
}

const cleanup: (() => unknown)[] = [];
after(async () => {
  for (const end of cleanup) await end();
});

test("twenty values of a Marathon app are opened by exec in one request, and the program sees no key", async () => {
  const values = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`V${i}`, `value ${i}: it's "quoted"\n`]),
  );
  const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sealed(value)]));
  const upstream = await startUpstream(marathonCalls({ env: given }));
  const words = [
    "daemon",
    "--ip",
    "127.0.0.1",
    "--port",
    "0",
    "--marathon-url",
    upstream.url,
    "--mesos-leader-url",
    "none",
  ];
  const daemon = await startDaemonProcess({ words, env: daemonEnv });
  const proxy = await countingProxy(daemon.port);
  cleanup.push(
    proxy.close,
    () => daemon.stop(),
    () => upstream.close(),
  );
  const env = {
    ...given,
    SECRETARY_URL: `http://127.0.0.1:${proxy.port}`,
    MASTER_PUBLIC_KEY: toBase64(master.publicKey),
    DEPLOY_PRIVATE_KEY: toBase64(deploy.privateKey.reveal()),
    MARATHON_APP_ID: appId,
    MARATHON_APP_VERSION: version,
    MESOS_TASK_ID: taskId,
  };
  const show = "console.log(JSON.stringify(process.env))";
  const ran = await keywardRun(["exec", "--strict", "--", process.execPath, "-e", show], env);
  assert.equal(ran.status, 0, ran.stderr);
  const seen = JSON.parse(ran.stdout);
  for (const [name, value] of Object.entries(values)) assert.equal(seen[name], value);
  assert.equal(seen.DEPLOY_PRIVATE_KEY, undefined);
  assert.equal(proxy.posts(), 1);

  const stranger = { ...env, V7: sealed("not the app's") };
  const refused = await keywardRun(["exec", "--", process.execPath, "-e", show], stranger);
  assert.equal(refused.status, 4);
  assert.equal(refused.stdout, "");
});

test("what inject writes into a Mesos task opens its values, and nobody else's", async () => {
  const value = sealed("correct horse");
  const task = { name: "t", command: { environment: { variables: [{ name: "PW", value }] } } };
  const injected = await type(
    ["inject", "-s", "http://127.0.0.1:1", "--master-key", toBase64(master.publicKey)],
    {
      stdin: JSON.stringify(task),
    },
  );
  assert.equal(injected.status, 0, injected.stderr);
  const { command, labels } = JSON.parse(injected.stdout);
  const read = (all: readonly { name?: string; key?: string; value: string }[]) =>
    Object.fromEntries(all.map(({ name, key, value: text }) => [name ?? key ?? "", text]));
  const variables = read(command.environment.variables);
  const upstream = await startUpstream(mesosCalls([{ id: "t.1", labels: read(labels.labels) }]));
  const words = [
    "daemon",
    "--strict",
    "--ip",
    "127.0.0.1",
    "--port",
    "0",
    "--marathon-url",
    "none",
    "--mesos-leader-url",
    upstream.url,
  ];
  const daemon = await startDaemonProcess({ words, env: daemonEnv });
  cleanup.push(
    () => daemon.stop(),
    () => upstream.close(),
  );
  const env = { ...variables, SECRETARY_URL: `http://127.0.0.1:${daemon.port}/`, MESOS_TASK_ID: "t.1" };
  const ran = await keywardRun(["exec", "--", "printenv", "PW"], env);
  assert.equal(ran.stdout, "correct horse\n", ran.stderr);
  const moved = await keywardRun(["exec", "--", "printenv", "PW"], { ...env, PW: sealed("another's") });
  assert.equal(moved.status, 4);
  const original = await keywardRun(["secretary", "decrypt", "-e"], env);
  assert.equal(original.stdout, "export PW='correct horse'\n");
});
