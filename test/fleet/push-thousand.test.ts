/** A thousand logins at a real sshd, and a server that is killed in the middle of the push to them, twice. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Api } from "../../src/api/api.ts";
import { toBase64, utf8 } from "../../src/base/bytes.ts";
import { type Killable, startKillable } from "../server/killable.ts";
import { type Sshd, startSshd } from "../ssh/sshd.ts";
import { readIfThere, statIfThere, until as untilWithin } from "../waiting.ts";

const NODES = 1000;
/** In all a minute or so, where nothing else runs. */
const PATIENCE_MS = 500_000;
const names = Array.from({ length: NODES }, (_, i) => `node-${i}`);
const folder = mkdtempSync(join(tmpdir(), "push-thousand-"));
const value = randomBytes(2048).toString("hex");
let sshd: Sshd;
let killable: Killable;

before(async () => {
  // as a host that closes what is idle: two thousand of its processes at once are much for one machine
  sshd = await startSshd({ config: ["ChannelTimeout session:*=10s", "UnusedConnectionTimeout 1s"] });
  killable = await startKillable();
});
after(async () => {
  await killable.end();
  await sshd.stop();
  rmSync(folder, { recursive: true, force: true });
});

const until: typeof untilWithin = (what, isSo) => untilWithin(what, isSo, PATIENCE_MS);
const directoryOf = (name: string): string => join(folder, name);
const fileOf = (name: string): string => join(directoryOf(name), "pw");
const held = (): string[] => names.filter((name) => statIfThere(fileOf(name)) !== null);

async function prepare(admin: Api): Promise<void> {
  const { push: line } = await admin.call("ssh.keys", {});
  appendFileSync(join(sshd.folder, "authorized_keys"), `${line}\n`);
  await admin.call("key.put", { path: { name: "db/pw" }, body: { value: toBase64(utf8(value)) } });
  const delivery = { kind: "file", path: "pw", mode: 0o440, offline: "never" } as const;
  await admin.call("grant.add", { body: { key: "db/pw", query: "role:web", delivery } });
}

/** The server begins to push to the first before the last is added: sshd sleeps meanwhile, so that all is yet to be done. */
async function addAll(admin: Api): Promise<void> {
  const host = { address: "127.0.0.1", port: sshd.port, user: sshd.user, hostKeys: [sshd.hostKey] };
  const left = names.values();
  const worker = async (): Promise<void> => {
    for (const name of left) {
      mkdirSync(directoryOf(name), { mode: 0o700 });
      await admin.call("node.add", { body: { name, attributes: { role: "web" } } });
      const push = { ...host, directory: directoryOf(name) };
      await admin.call("node.push", { path: { name }, body: { push } });
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** Whole or not at all; beside it at most one file that was not yet renamed, for nobody else to read. */
function assertNothingHalf(): void {
  for (const name of names) {
    assert.ok([null, value].includes(readIfThere(fileOf(name))), `${name} holds half a file`);
    const others = readdirSync(directoryOf(name)).filter((file) => file !== "pw");
    assert.ok(others.length <= 1, `${name}: ${others}`);
    for (const file of others) {
      assert.match(file, /^\.keyward-[0-9a-f]{16}$/);
      assert.equal((statIfThere(join(directoryOf(name), file))?.mode ?? 0) & 0o077 & ~0o040, 0, name);
    }
  }
}

test("a push of a thousand that is killed twice in the middle goes on by itself; what was delivered is not written again", async () => {
  await prepare(killable.admin);
  const listener = Number(readIfThere(join(sshd.folder, "pid")));
  process.kill(listener, "SIGSTOP");
  try {
    await addAll(killable.admin);
  } catch (error) {
    throw new Error(`not added: ${killable.log().slice(-4000)}`, { cause: error });
  } finally {
    process.kill(listener, "SIGCONT");
  }
  const reported = new Set<string>();
  const pushAll = async (): Promise<void> => {
    const { signal } = new AbortController();
    for await (const line of killable.admin.stream("push.run", { body: { concurrency: 128 } }, signal))
      if (line.kind === "done") reported.add(line.node);
  };
  await killable.killAt(
    until("some are pushed to", () => held().length >= 100),
    pushAll,
  );
  assertNothingHalf();
  const first = held();
  assert.ok(first.length < NODES, "the kill came too late");
  const inodes = new Map(first.map((name) => [name, statIfThere(fileOf(name))?.ino]));
  for (const name of reported) assert.ok(inodes.has(name), `${name} was reported and has nothing`);

  // nobody asks for it any more: what is left is pushed by itself
  const goesOn = until("more are pushed to", () => held().length >= Math.min(first.length + 100, NODES));
  await killable.killAt(goesOn, async () => {});
  assertNothingHalf();

  await until(
    "all is proved",
    async () => (await killable.admin.call("plan.show", { query: {} })).lines.length === 0,
  );
  await until("what was left behind is swept up", () =>
    names.every((name) => readdirSync(directoryOf(name)).join() === "pw"),
  );
  for (const name of names) {
    assert.equal(readIfThere(fileOf(name)) === value, true, name);
    assert.equal((statIfThere(fileOf(name))?.mode ?? 0) & 0o7777, 0o440, name);
  }
  const rewritten = [...reported].filter((name) => statIfThere(fileOf(name))?.ino !== inodes.get(name));
  assert.deepEqual(rewritten, []);
  assert.equal((await killable.admin.call("audit.verify", { body: {} })).intact, true);
});
