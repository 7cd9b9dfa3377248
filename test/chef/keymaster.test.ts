/** KeyMaster's bag followed on a real Chef server: what knife does there is in Keyward after the next round. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Api } from "../../src/api/api.ts";
import { fromBase64 } from "../../src/base/bytes.ts";
import { createProgram, type Program, type ServerProcess } from "../server/program.ts";
import { until } from "../waiting.ts";
import { type Goiardi, startGoiardi } from "./goiardi.ts";

let goiardi: Goiardi;
let program: Program;
let server: ServerProcess;
let admin: Api;
const file = (name: string): string => join(program.directory, name);

before(async () => {
  goiardi = await startGoiardi();
  program = createProgram();
  await program.init();
  server = program.startServer();
  admin = program.operator(await server.serving);
  await goiardi.ask("POST", "/data", { name: "keymaster" });
  writeFileSync(file("master.key"), "a master key that nobody would guess in a hurry, 8f2c\n", {
    mode: 0o600,
  });
});
after(async () => {
  await admin.close();
  await server.stop();
  program.remove();
  await goiardi.stop();
});

async function item(id: string, members: object): Promise<object> {
  writeFileSync(file("item.json"), JSON.stringify({ id, ...members }));
  const words = ["data-bag", "encrypt", "--secret-file", "master.key", "item.json"];
  const { status, stdout, stderr } = await program.run(words);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as object;
}

const textOf = async (name: string): Promise<string> => {
  try {
    const { value } = await admin.call("key.get", { path: { name }, query: {} });
    return Buffer.from(fromBase64(value, "value")).toString();
  } catch {
    return "";
  }
};
const queries = async (): Promise<string[]> =>
  (await admin.call("grant.list", { query: {} })).grants.map(({ query }) => query);

test("an item that is made, changed, refused, broken and deleted, while the import follows", async () => {
  const flags = ["--chef-server", goiardi.url, "--chef-user", "admin", "--chef-key", goiardi.keyFile];
  const words = ["import", "keymaster", ...flags, "--secret-file", file("master.key")];
  const more = ["--environment", "_default", "--follow", "--every", "1s", "-o", "json"];
  const env = { PATH: process.env.PATH ?? "", HOME: program.directory, KEYWARD_DATA: program.data };
  const child = spawn(file("program/bin/keyward"), [...words, ...more], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      said += chunk;
    });
  try {
    await goiardi.ask(
      "POST",
      "/data/keymaster",
      await item("a-_default", { destination: "tags:a", key: "one" }),
    );
    await until("the item is a key", async () => (await textOf("keymaster/a-_default")) === "one");
    await goiardi.ask(
      "PUT",
      "/data/keymaster/a-_default",
      await item("a-_default", { destination: "tags:b", key: "two" }),
    );
    await until("it is changed", async () => (await textOf("keymaster/a-_default")) === "two");
    await until(
      "so is its grant",
      async () => (await queries()).join() === "chef_environment:_default AND tags:b",
    );

    await goiardi.ask("PUT", "/data/keymaster/a-_default", {
      id: "a-_default",
      destination: "plain",
      key: "plain",
    });
    await goiardi.ask(
      "POST",
      "/data/keymaster",
      await item("c-_default", { destination: "tags:c", key: "three" }),
    );
    await until("the next one is taken", async () => (await textOf("keymaster/c-_default")) === "three");
    assert.equal(await textOf("keymaster/a-_default"), "two");
    assert.equal((await queries()).length, 2);
    assert.match(said, /"refused"/);

    await goiardi.ask("DELETE", "/data/keymaster/a-_default");
    await until(
      "its grant is gone",
      async () => (await queries()).join() === "chef_environment:_default AND tags:c",
    );
    const before = (await admin.call("audit.list", { query: { limit: "1000" } })).events.length;
    await sleep(2500);
    const after = (await admin.call("audit.list", { query: { limit: "1000" } })).events.length;
    assert.ok(after - before <= 1, "rounds in which nothing changes leave no events");
  } finally {
    child.kill("SIGTERM");
    const [status] = (await once(child, "close")) as [number | null];
    assert.equal(status, 0, said);
  }
  assert.doesNotMatch(said + server.log(), /three|\btwo\b/);
  assert.doesNotMatch(readFileSync(join(program.data, "store.db")).toString("latin1"), /"three"/);
});
