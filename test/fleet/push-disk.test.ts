/** A node whose disk is full, and one whose disk cannot be written to: what is there stays, and it is said. */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Api } from "../../src/api/api.ts";
import type { ResponseOf } from "../../src/api/shapes.ts";
import { toBase64 } from "../../src/base/bytes.ts";
import { startTestServer, type TestServer } from "../../src/server/server-for-test.ts";
import { type Disk, mountDisk } from "../faults/disks.ts";
import { type Sshd, startSshd } from "../ssh/sshd.ts";

const SIZE = 65_536;
let sshd: Sshd;
let main: TestServer;
let admin: Api;

before(async () => {
  sshd = await startSshd();
  main = await startTestServer();
  admin = await main.operator("admin");
  const { push: line } = await admin.call("ssh.keys", {});
  appendFileSync(join(sshd.folder, "authorized_keys"), `${line}\n`);
  await put(1);
  const delivery = { kind: "file", path: "pw", mode: 0o400, offline: "never" } as const;
  await admin.call("grant.add", { body: { key: "db/pw", query: "role:web", delivery } });
});
after(async () => {
  await main.stop();
  await sshd.stop();
});

const contentOf = (version: number): Buffer => Buffer.alloc(SIZE, version);

async function put(version: number): Promise<void> {
  await admin.call("key.put", {
    path: { name: "db/pw" },
    body: { value: toBase64(new Uint8Array(contentOf(version))) },
  });
}

type Line = ResponseOf<"push.run">;

async function push(): Promise<Line | undefined> {
  let last: Line | undefined;
  for await (const line of admin.stream("push.run", { body: {} }, new AbortController().signal)) last = line;
  return last;
}

/** A node on a disk of its own that holds version 1, while `use` runs. */
async function withNode(disk: Disk, use: (directory: string) => Promise<void>): Promise<void> {
  const { directory } = disk;
  const to = { address: "127.0.0.1", port: sshd.port, user: sshd.user, hostKeys: [sshd.hostKey], directory };
  try {
    mkdirSync(directory, { mode: 0o700 });
    await put(1);
    await admin.call("node.add", { body: { name: "web1", attributes: { role: "web" } } });
    await admin.call("node.push", { path: { name: "web1" }, body: { push: to } });
    assert.equal((await push())?.kind, "done");
    await use(directory);
    await admin.call("node.remove", { path: { name: "web1" } });
  } finally {
    disk.remove();
  }
}

test("a full disk is said, keeps what it holds and no temporary file, and is pushed to once there is room", async (t) => {
  const disk = mountDisk(1_048_576);
  if (disk === null) return t.skip("this user may not mount");
  await withNode(disk, async (directory) => {
    disk.fill();
    await put(2);
    const line = await push();
    assert.ok(line?.kind === "failed" && line.code === "local", JSON.stringify(line));
    assert.match(line.message, /full/);
    assert.deepEqual(readdirSync(directory), ["pw"]);
    assert.ok(readFileSync(join(directory, "pw")).equals(contentOf(1)));
    const { lines } = await admin.call("plan.show", { query: {} });
    assert.match(lines[0]?.reason ?? "", /the node could not.*full/);
    disk.grow();
    assert.equal((await push())?.kind, "done");
    assert.ok(readFileSync(join(directory, "pw")).equals(contentOf(2)));
    assert.deepEqual((await admin.call("plan.show", { query: {} })).lines, []);
  });
});

test("a disk that cannot be written to is said, and what lies there is still proved and never taken for gone", async (t) => {
  const disk = mountDisk(1_048_576);
  if (disk === null) return t.skip("this user may not mount");
  await withNode(disk, async (directory) => {
    disk.protect();
    const same = await push();
    assert.ok(same?.kind === "done" && same.outcome === "unchanged", JSON.stringify(same));
    await put(3);
    const line = await push();
    assert.ok(line?.kind === "failed" && line.code === "local", JSON.stringify(line));
    assert.ok(readFileSync(join(directory, "pw")).equals(contentOf(1)));
    await admin.call("node.set", { path: { name: "web1" }, body: { attributes: { role: "other" } } });
    assert.equal((await push())?.kind, "failed", "it could not be taken away");
    const { deliveries } = await admin.call("key.history", { path: { name: "db/pw" } });
    assert.ok(deliveries.every(({ withdrawn }) => withdrawn === undefined));
  });
});
