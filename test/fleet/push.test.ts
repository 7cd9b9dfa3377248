/** Keys pushed by SSH: a real server, a real sshd, and hosts that are none. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { Api } from "../../src/api/api.ts";
import type { ResponseOf } from "../../src/api/shapes.ts";
import { toBase64, utf8 } from "../../src/base/bytes.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { startTestServer, type TestServer } from "../../src/server/server-for-test.ts";
import { startKillable } from "../server/killable.ts";
import { freePort, keygen, type Sshd, startSshd } from "../ssh/sshd.ts";
import { readIfThere, until } from "../waiting.ts";

let sshd: Sshd;
let main: TestServer;
let admin: Api;
const folder = mkdtempSync(join(tmpdir(), "push-"));

before(async () => {
  sshd = await startSshd();
  main = await startTestServer();
  admin = await main.operator("admin");
  await letIn(admin);
});
after(async () => {
  await main.stop();
  await sshd.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  const { nodes } = await admin.call("node.list", { query: {} });
  for (const { name } of nodes) await admin.call("node.remove", { path: { name } });
  const { grants } = await admin.call("grant.list", { query: {} });
  for (const { id } of grants) await admin.call("grant.remove", { path: { id } });
});

async function letIn(api: Api, to = sshd): Promise<void> {
  const { push } = await api.call("ssh.keys", {});
  appendFileSync(join(to.folder, "authorized_keys"), `${push}\n`);
}

let place = "";
const directoryOf = (name: string): string => join(place, name);
beforeEach(() => {
  place = mkdtempSync(join(folder, "machines-"));
});

/** A machine of its own, as far as files go. */
async function addNode(name: string, more: object = {}, api = admin): Promise<void> {
  mkdirSync(directoryOf(name), { mode: 0o700, recursive: true });
  await api.call("node.add", { body: { name, attributes: { role: "web" } } });
  const push = {
    address: "127.0.0.1",
    port: sshd.port,
    user: sshd.user,
    hostKeys: [sshd.hostKey],
    directory: directoryOf(name),
    ...more,
  };
  await api.call("node.push", { path: { name }, body: { push } });
}

async function put(text: string, key = "db/pw", api = admin): Promise<void> {
  await api.call("key.put", { path: { name: key }, body: { value: toBase64(utf8(text)) } });
}

async function grant(more: object = {}, key = "db/pw", api = admin): Promise<void> {
  const delivery = { kind: "file", path: "pw", mode: 0o440, offline: "never", ...more } as const;
  await api.call("grant.add", { body: { key, query: "role:web", delivery } });
}

type Line = ResponseOf<"push.run">;

async function push(
  body: object = {},
  api = admin,
  heard: (lines: Map<string, Line>) => void = () => {},
): Promise<Map<string, Line>> {
  const lines = new Map<string, Line>();
  for await (const line of api.stream("push.run", { body }, new AbortController().signal))
    if (line.kind !== "begin") heard(lines.set(line.node, line));
  return lines;
}

const read = (name: string, file = "pw"): string | null => readIfThere(join(directoryOf(name), file));

test("a key arrives by itself, is replaced, is repaired, and is taken away with the attribute", async () => {
  await put("correct horse");
  await addNode("web1");
  await grant();
  await until("it is there", () => read("web1") === "correct horse");
  assert.equal(statSync(join(directoryOf("web1"), "pw")).mode & 0o7777, 0o440);
  await put("battery staple");
  await until("it is replaced", () => read("web1") === "battery staple");
  await until("it is proved", async () => (await admin.call("plan.show", { query: {} })).lines.length === 0);
  const { ino } = statSync(join(directoryOf("web1"), "pw"));
  assert.deepEqual((await push()).get("web1"), {
    kind: "done",
    node: "web1",
    outcome: "unchanged",
    files: 1,
  });
  assert.equal(statSync(join(directoryOf("web1"), "pw")).ino, ino, "an unchanged file is not written");
  writeFileSync(join(directoryOf("web1"), "pw"), "tampered");
  const repaired = (await push()).get("web1");
  assert.ok(repaired?.kind === "done" && repaired.repaired === 1);
  assert.equal(read("web1"), "battery staple");
  await admin.call("node.set", { path: { name: "web1" }, body: { attributes: { role: "other" } } });
  await until("it is gone", () => read("web1") === null);
  await until("it is said to be withdrawn", async () => {
    const { deliveries } = await admin.call("key.history", { path: { name: "db/pw" } });
    return deliveries.some(({ node, withdrawn }) => node === "web1" && withdrawn !== undefined);
  });
  assert.deepEqual(readdirSync(directoryOf("web1")), []);
});

test("a revoked node is cleared, and so is one that is forgotten", async () => {
  await put("x");
  for (const name of ["web1", "web2"]) await addNode(name);
  await grant();
  await until("both have it", () => read("web1") === "x" && read("web2") === "x");
  await admin.call("node.revoke", { path: { name: "web1" }, body: {} });
  await admin.call("node.remove", { path: { name: "web2" } });
  await until("neither has it", () => read("web1") === null && read("web2") === null);
});

test("a program runs once for a change, after all its files, with arguments as they are", async () => {
  const script = `cat ${directoryOf("web1")}/* >> "$0"; printf "|%s %s|" "$KEYWARD_KEYS" "$1" >> "$0"`;
  const run = ["sh", "-c", script, join(folder, "ran"), "; touch /tmp/pwned $(id)\n"];
  await put("one", "a/x");
  await put("two", "a/y");
  await addNode("web1");
  await grant({ path: "x", run }, "a/x");
  await grant({ path: "y", run }, "a/y");
  await until("both are there", () => read("web1", "x") !== null && read("web1", "y") !== null);
  await until("it ran", () => /a\/y/.test(readIfThere(join(folder, "ran")) ?? ""));
  await push();
  const text = readFileSync(join(folder, "ran"), "utf8");
  assert.ok(text.endsWith("; touch /tmp/pwned $(id)\n|"), text);
  assert.ok((text.match(/\|a\/x a\/y /g) ?? []).length + (text.match(/\|a\/[xy] /g) ?? []).length <= 2, text);
});

test("a changed host key stops that node alone, and is said in plan", async () => {
  keygen(join(folder, "other"));
  const other = readFileSync(join(folder, "other.pub"), "utf8").trim();
  await put("x");
  await addNode("web1", { hostKeys: [other] });
  await addNode("web2");
  await grant();
  const lines = await push();
  const stopped = lines.get("web1");
  assert.ok(
    stopped?.kind === "failed" && stopped.code === "integrity" && /another host key/.test(stopped.message),
  );
  assert.equal(lines.get("web2")?.kind, "done");
  assert.equal(read("web1"), null);
  assert.equal(read("web2"), "x");
  const { lines: plan } = await admin.call("plan.show", { query: {} });
  assert.deepEqual(
    plan.map(({ node }) => node),
    ["web1"],
  );
  const { events } = await admin.call("audit.list", { query: { resource: "web1" } });
  const failed = events.filter(({ action, outcome }) => action === "node:push" && outcome === "failed");
  assert.deepEqual(
    failed.map(({ by, detail }) => [by, detail?.code]),
    [["system:push", "integrity"]],
    "once, though it was tried more than once",
  );
  const { node } = await admin.call("node.show", { path: { name: "web1" } });
  assert.deepEqual([node.pushed?.outcome, node.pushed?.reached], ["integrity", undefined]);
  const figures = await admin.text("server.metrics");
  assert.match(figures, /^keyward_pushes_total\{outcome="integrity"\} [1-9]/m);
  assert.match(figures, /^keyward_push_nodes_down 1$/m);
});

test("a name that leads elsewhere than it did gets nothing, whoever answers there", async () => {
  const elsewhere = await startSshd();
  try {
    await letIn(admin, elsewhere);
    await put("x");
    await addNode("web1", { address: "localhost", port: elsewhere.port });
    await grant();
    const line = (await push()).get("web1");
    assert.ok(line?.kind === "failed" && line.code === "integrity", JSON.stringify(line));
    assert.deepEqual(readdirSync(directoryOf("web1")), []);
  } finally {
    await elsewhere.stop();
  }
});

const HARM = ["; touch pwned", "$(touch pwned)", "a\nb", "-oProxyCommand=touch pwned", "\u001b[2J", "'\"\\"];

test("names that are commands are refused; attributes that are commands stay text", async () => {
  for (const name of HARM)
    await assert.rejects(
      admin.call("node.add", { body: { name } }),
      (error) => isKeywardError(error, "usage"),
      name,
    );
  const ran = join(folder, "ran-with-facts");
  await put("x");
  await addNode("web1");
  const attributes = Object.fromEntries(HARM.map((value, i) => [`fact${i}`, value]));
  await admin.call("node.set", {
    path: { name: "web1" },
    body: { attributes: { ...attributes, tags: HARM } },
  });
  await grant({ run: ["sh", "-c", 'env > "$0"', ran] });
  await until("it ran", () => (readIfThere(ran) ?? "").includes("KEYWARD_KEYS=db/pw"));
  assert.equal((await push()).get("web1")?.kind, "done");
  assert.equal(read("web1"), "x");
  assert.doesNotMatch(readIfThere(ran) ?? "", /pwned/);
});

test("a symbolic link at the target, and a directory in its place, are left alone and said", async () => {
  await put("x");
  await addNode("web1");
  await addNode("web2");
  writeFileSync(join(folder, "victim"), "untouched");
  symlinkSync(join(folder, "victim"), join(directoryOf("web1"), "pw"));
  mkdirSync(join(directoryOf("web2"), "pw"));
  await grant();
  const lines = await push();
  for (const name of ["web1", "web2"]) assert.equal(lines.get(name)?.kind, "failed", name);
  assert.equal(readFileSync(join(folder, "victim"), "utf8"), "untouched");
  const { lines: plan } = await admin.call("plan.show", { query: {} });
  assert.ok(
    plan.every(({ reason }) => /the node could not/.test(reason)),
    JSON.stringify(plan),
  );
});

test("addresses, users and keys that a program could take for something else are refused", async () => {
  await admin.call("node.add", { body: { name: "web1" } });
  const good = { address: "127.0.0.1", hostKeys: [sshd.hostKey] };
  for (const bad of [
    { address: "-oProxyCommand=touch /tmp/pwned" },
    { address: "a;rm -rf /" },
    { address: "a\nb" },
    { address: "a b" },
    { address: "" },
    { user: "-oX" },
    { user: "a;b" },
    { user: "root\n" },
    { port: 0 },
    { port: 70_000 },
    { hostKeys: [] },
    { directory: "relative" },
    { directory: "/a/../b" },
    { every: 10 },
  ])
    await assert.rejects(
      admin.call("node.push", { path: { name: "web1" }, body: { push: { ...good, ...bad } } }),
      (error) => isKeywardError(error, "usage"),
      JSON.stringify(bad),
    );
});

/** Accepts, and then says nothing, or talks without an end. */
async function tarpit(say: (socket: Socket) => void): Promise<{ port: number; stop(): void }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    say(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test("hosts that are down, silent or endless delay none of the others", async () => {
  const silent = await tarpit(() => {});
  const endless = await tarpit((socket) => {
    const pour = (): void => {
      while (socket.writable && socket.write("banner ".repeat(4096)));
    };
    socket.on("drain", pour);
    pour();
  });
  try {
    await put("x");
    for (let i = 0; i < 8; i++) await addNode(`silent${i}`, { port: silent.port });
    await addNode("endless", { port: endless.port });
    await addNode("down", { port: await freePort() });
    for (let i = 0; i < 8; i++) await addNode(`web${i}`);
    await grant();
    const isDone = (name: string, lines: Map<string, Line>): boolean => lines.get(name)?.kind === "done";
    let before = "";
    const lines = await push({ timeout: 600_000, concurrency: 32 }, admin, (heard) => {
      const done = Array.from({ length: 8 }, (_, i) => isDone(`web${i}`, heard));
      if (before !== "" || done.includes(false)) return;
      before = [...heard.keys()].join(" ");
      silent.stop();
    });
    assert.doesNotMatch(before, /silent/, "no other waited until those had their time");
    assert.equal(lines.size, 18);
    for (let i = 0; i < 8; i++) assert.equal(read(`web${i}`), "x");
    for (const [name, line] of lines) assert.equal(line.kind, /^web/.test(name) ? "done" : "failed", name);
  } finally {
    silent.stop();
    endless.stop();
  }
});

test("two pushes at once do not disturb each other", async () => {
  await put("x");
  for (let i = 0; i < 5; i++) await addNode(`web${i}`);
  await grant();
  const both = await Promise.all([push(), push(), put("y").then(() => push())]);
  for (const lines of both)
    for (const [name, line] of lines) assert.equal(line.kind, "done", `${name} ${JSON.stringify(line)}`);
  for (let i = 0; i < 5; i++)
    assert.deepEqual([read(`web${i}`), readdirSync(directoryOf(`web${i}`))], ["y", ["pw"]]);
});

test("who may not push to a node is refused, and a node with an agent is not pushed to", async () => {
  await addNode("web1");
  await admin.call("rule.put", {
    path: { name: "other" },
    body: { allow: [{ actions: ["node:push"], prefix: "db" }] },
  });
  const eve = await main.operator("other");
  await assert.rejects(push({ nodes: ["web1"] }, eve), (error) => isKeywardError(error, "denied"));
  await main.enrol("agent1");
  await assert.rejects(push({ nodes: ["agent1"] }), (error) => isKeywardError(error, "usage"));
  await assert.rejects(
    admin.call("node.push", {
      path: { name: "agent1" },
      body: { push: { address: "127.0.0.1", hostKeys: [sshd.hostKey] } },
    }),
    (error) => isKeywardError(error, "conflict"),
  );
});

test("a server that is killed in the middle of a push goes on with it, and leaves no half file", async () => {
  const killable = await startKillable();
  const names = Array.from({ length: 24 }, (_, i) => `killed${i}`);
  const aim = { within: 400 };
  try {
    await letIn(killable.admin);
    for (const name of names) await addNode(name, {}, killable.admin);
    await put("first", "db/pw", killable.admin);
    await grant({ path: "deep/er/pw" }, "db/pw", killable.admin);
    let last = "";
    for (let round = 0; round < 4; round++) {
      last = randomBytes(2000).toString("hex");
      await put(last, "db/pw", killable.admin);
      await killable.killDuring(() => push({ concurrency: 8 }, killable.admin), aim);
    }
    await push({}, killable.admin);
    for (const name of names) {
      assert.equal(read(name, "deep/er/pw"), last, name);
      assert.deepEqual(readdirSync(join(directoryOf(name), "deep/er")), ["pw"], name);
    }
    await until(
      "all is proved",
      async () => (await killable.admin.call("plan.show", { query: {} })).lines.length === 0,
    );
    for (const name of names) await killable.admin.call("node.remove", { path: { name } });
    await until("all is taken away", () => names.every((name) => read(name, "deep/er/pw") === null));
  } finally {
    await killable.end();
  }
});
