/**
 * Sealing, end to end: the real server's memory is searched for keys that this test knows, which must find them
 * while it is unsealed and must not once it is sealed.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Api } from "../../src/api/api.ts";
import { scan } from "../memory/scan.ts";
import { createMachine, enrol } from "./killable.ts";
import { type KnownKeys, learnKeys } from "./known-keys.ts";
import { createProgram, type Program, type ServerProcess } from "./program.ts";

const PASSPHRASE = "nine Odd words in a row, and then 1 more";
const NAMES = Array.from({ length: 20 }, (_, i) => `app/${i}`);

let program: Program;
let server: ServerProcess;
let keys: KnownKeys;
let address: string;

async function start(): Promise<Api> {
  server = program.startServer();
  address = await server.serving;
  return program.operator(address);
}

/** Everything that uses a key: reads, writes, a certificate of the CA, a signed head of the log. */
async function work(): Promise<void> {
  const api = program.operator(address);
  const body = { value: Buffer.from(`${Math.random()}`).toString("base64") };
  for (const name of NAMES) await api.call("key.put", { path: { name }, body });
  for (let round = 0; round < 5; round++) {
    await Promise.all(NAMES.map((name) => api.call("key.get", { path: { name } })));
  }
  const { token } = await api.call("joinToken.create", { body: {} });
  await enrol({ client: () => api }, createMachine(`node-${Date.now()}`), token);
  await api.call("audit.checkpoint", {});
  await api.close();
}

async function run(...words: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return await program.run(words);
}

const search = (): string[] => scan(server.pid, { ...keys.held, ...keys.passing });

function assertFound(): void {
  const found = search().map((one) => one.replace(/,.*/, ""));
  assert.deepEqual(
    Object.keys(keys.held).filter((name) => !found.includes(name)),
    [],
    "not found while unsealed",
  );
  assert.deepEqual(
    Object.keys(keys.passing).filter((name) => found.includes(name)),
    [],
    "found while unsealed",
  );
}

before(async () => {
  program = createProgram();
  await program.init();
  const api = await start();
  await work();
  await api.call("seal.add", { body: { kind: "passphrase", passphrase: PASSPHRASE } });
  await api.call("ca.rotate", { body: {} });
  await api.close();
  await server.stop();
  keys = await learnKeys(program.data);
  assert.equal(Object.keys(keys.held).length, 1 + 3 + NAMES.length);
});

after(async () => {
  await server.stop();
  program.remove();
});

test("a server that opened itself with its key file holds every key, and after keyward seal none of them", async () => {
  await (await start()).close();
  await work();
  assertFound();
  const { status, stdout } = await run("seal");
  assert.equal(status, 0);
  assert.match(stdout, /^sealed/);
  assert.deepEqual(search(), []);
});

test("a sealed server answers reads and changes with status 2 and what to do, and its state to anyone", async () => {
  for (const words of [
    ["key", "get", "app/1"],
    ["key", "list"],
    ["node", "list"],
    ["audit", "list"],
    ["plan"],
  ]) {
    const { status, stderr } = await run(...words);
    assert.equal(status, 2, words.join(" "));
    assert.match(stderr, /sealed[\s\S]*keyward unseal/);
  }
  const put = await program.run(["key", "put", "app/1"], "value");
  assert.equal(put.status, 2);
  const { status, stdout } = await run("status");
  assert.equal(status, 2);
  assert.match(stdout, /^state +sealed/m);
});

test("unsealed by its passphrase it has every key again, and sealed again none", async () => {
  const wrong = await program.run(["unseal"], "nine Odd words in a row, and then 2 more\n");
  assert.equal(wrong.status, 7);
  assert.deepEqual(search(), []);
  const { status, stderr } = await program.run(["unseal"], `${PASSPHRASE}\n`);
  assert.equal(status, 0, stderr);
  const { stdout } = await run("key", "get", "app/1");
  assert.match(stdout, /^0\.\d+$/m);
  await work();
  assertFound();
  assert.equal((await run("seal")).status, 0);
  assert.deepEqual(search(), []);
});

test("neither the keys nor what opens them are ever in the server's log", async () => {
  const log = server.log();
  assert.match(log, /"msg":"serving"/);
  for (const text of [readFileSync(join(program.data, "seal.key"), "utf8").trim().slice(0, 40), PASSPHRASE])
    assert.ok(!log.includes(text));
});
