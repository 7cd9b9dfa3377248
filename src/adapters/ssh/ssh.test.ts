import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import ssh2 from "ssh2";
import { freePort, keygen, type Sshd, startSshd } from "../../../test/ssh/sshd.ts";
import { statIfThere, until } from "../../../test/waiting.ts";
import { type ErrorCode, isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import { systemRandom } from "../../crypto/random.ts";
import type { RemoteHost, SshTarget } from "../../model/remote-host.ts";
import { createKept } from "./kept.ts";
import type { Connection } from "./remote-host.ts";
import { createConnectHost } from "./ssh.ts";
import { openBySsh2 } from "./ssh2.ts";

const connect = createConnectHost(openBySsh2, systemRandom);
const deadline = 60_000 as DurationMs;
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o400 };
let sshd: Sshd;
let host: RemoteHost;
let folder: string;

const target = (more: Partial<SshTarget> = {}): SshTarget => ({
  address: "127.0.0.1",
  port: sshd.port,
  user: sshd.user,
  hostKeys: [sshd.hostKey],
  hostCas: [],
  ...more,
});

before(async () => {
  sshd = await startSshd();
  host = await connect(target(), sshd.login, deadline);
  folder = mkdtempSync(join(tmpdir(), "push-"));
});
after(async () => {
  host.close();
  rmSync(folder, { recursive: true, force: true });
  await sshd.stop();
});

const refused = (promise: Promise<unknown>, code: ErrorCode, words = /./) =>
  assert.rejects(
    promise,
    (error) => (isKeywardError(error, code) && words.test(error.message)) || assert.fail(String(error)),
  );

test("a file is put in place with its mode; the same again is not written; other content replaces it", async () => {
  const path = join(folder, "key");
  const install = (text: string, mode = 0o400) => host.install(path, Secret.fromText(text), { ...own, mode });
  assert.deepEqual(await install("correct horse"), { written: true, changed: true });
  const { ino } = statSync(path);
  assert.equal(statSync(path).mode & 0o7777, 0o400);
  assert.deepEqual(await install("correct horse"), { written: false, changed: false });
  assert.equal(statSync(path).ino, ino);
  assert.deepEqual(await install("correct horse", 0o440), { written: true, changed: false });
  assert.deepEqual(await install("battery staple"), { written: true, changed: true });
  assert.equal(readFileSync(path, "utf8"), "battery staple");
  assert.deepEqual(readdirSync(folder), ["key"]);
});

test("a file that is so already is written anew where that is asked for, and has not changed", async () => {
  const path = join(folder, "anew");
  const install = (anew: boolean) =>
    host.install(path, Secret.fromText("correct horse"), own, undefined, anew);
  assert.deepEqual(await install(true), { written: true, changed: true });
  const { ino } = statSync(path);
  assert.deepEqual(await install(true), { written: true, changed: false });
  assert.notEqual(statSync(path).ino, ino);
  assert.deepEqual(await install(false), { written: false, changed: false });
});

test("a mebibyte goes over whole", async () => {
  const value = Secret.take(new Uint8Array(randomBytes(1_048_576)));
  await host.install(join(folder, "large"), value, own);
  assert.ok(readFileSync(join(folder, "large")).equals(value.reveal()));
  assert.equal((await host.install(join(folder, "large"), value, own)).written, false);
  assert.equal(await host.remove(join(folder, "large")), "removed");
});

test("what is taken away is gone, also when it may not be written; what is no file stays", async () => {
  const path = join(folder, "gone");
  await host.install(path, Secret.fromText("x"), own);
  assert.equal(await host.remove(path), "removed");
  assert.equal(await host.remove(path), "absent");
  mkdirSync(join(folder, "directory"));
  assert.equal(await host.remove(join(folder, "directory")), "foreign");
});

test("what a push that was broken off left is swept away, and nothing else", async () => {
  const inside = join(folder, "swept");
  mkdirSync(inside);
  const ours = ".keyward-0123456789abcdef";
  writeFileSync(join(inside, ours), "half a key", { mode: 0o400 });
  writeFileSync(Buffer.concat([Buffer.from(`${inside}/`), Buffer.from([0xff, 0xfe])]), "no name in UTF-8");
  const others = [
    ".keyward-0123456789abcde",
    `${ours}0`,
    ".keyward-0badcafe-x",
    "pw",
    "x.keyward-0123456789abcdef",
  ];
  for (const name of others) writeFileSync(join(inside, name), "another's");
  mkdirSync(join(inside, ".keyward-1111111111111111"));
  symlinkSync(join(inside, "pw"), join(inside, ".keyward-2222222222222222"));
  const before = readdirSync(inside, { encoding: "latin1" }).filter((name) => name !== ours);
  assert.equal(await host.sweep(inside), 1);
  assert.deepEqual(readdirSync(inside, { encoding: "latin1" }), before);
  assert.equal(readFileSync(join(inside, "pw"), "utf8"), "another's");
  assert.equal(await host.sweep(join(inside, "none")), 0);
});

test("directories are made below a place of ours, and nowhere else", async () => {
  const path = join(folder, "ours/deep/er/key");
  await refused(host.install(path, Secret.fromText("x"), own), "local", /no such file/);
  await host.install(path, Secret.fromText("x"), own, join(folder, "ours"));
  assert.equal(statSync(join(folder, "ours/deep")).mode & 0o777, 0o700);
  await refused(
    host.install(join(folder, "theirs/key"), Secret.fromText("x"), own, join(folder, "ours")),
    "local",
  );
});

test("nothing goes through a symbolic link, or into a directory that anybody may change", async () => {
  writeFileSync(join(folder, "victim"), "untouched");
  symlinkSync(join(folder, "victim"), join(folder, "link"));
  await refused(host.install(join(folder, "link"), Secret.fromText("x"), own), "local", /no regular file/);
  assert.equal(await host.remove(join(folder, "link")), "foreign");
  mkdirSync(join(folder, "real"));
  symlinkSync(join(folder, "real"), join(folder, "way"));
  await refused(host.install(join(folder, "way/key"), Secret.fromText("x"), own), "local");
  mkdirSync(join(folder, "real/in"));
  await refused(
    host.install(join(folder, "way/in/key"), Secret.fromText("x"), own),
    "local",
    /symbolic link/,
  );
  mkdirSync(join(folder, "open"));
  chmodSync(join(folder, "open"), 0o777);
  await refused(host.install(join(folder, "open/key"), Secret.fromText("x"), own), "local", /anybody/);
  assert.equal(readFileSync(join(folder, "victim"), "utf8"), "untouched");
  assert.ok(lstatSync(join(folder, "link")).isSymbolicLink());
});

test("a read-only file system is said, and leaves what was there", async () => {
  await refused(host.install("/proc/key", Secret.fromText("x"), own), "local", /"\/proc\//);
});

test("arguments reach a program as they are, and no shell reads them", async () => {
  const out = join(folder, "arguments");
  const words = ["$(id)", "; rm -rf /", "a\nb\n", "'\"\\", "", "-n", "ünï", "*", "\u0001\u007f"];
  const status = await host.run(
    ["sh", "-c", 'printf "%s|" "$KEY" "$@" > "$0"', out, ...words],
    { KEY: "db/a" },
    deadline,
  );
  assert.equal(status, 0);
  assert.equal(readFileSync(out, "utf8"), `db/a|${words.join("|")}|`);
  assert.equal(await host.run(["sh", "-c", "exit 7"], {}, deadline), 7);
  assert.equal(await host.run(["/nonexistent"], {}, deadline), 127);
  await refused(host.run(["true", "a\0b"], {}, deadline), "usage");
});

test("owners are found by name and by number; one that the host does not know is refused", async () => {
  assert.deepEqual(await host.ownerOf("root", undefined), { uid: 0, gid: 0 });
  assert.deepEqual(await host.ownerOf("0", "daemon"), { uid: 0, gid: 1 });
  assert.deepEqual(await host.ownerOf(undefined, undefined), { uid: own.uid, gid: own.gid });
  await refused(host.ownerOf("nobody-here", undefined), "local", /user "nobody-here": not known/);
});

test("another host key stops before anything is sent; a host without a known key is not asked", async () => {
  keygen(join(folder, "other"));
  const other = readFileSync(join(folder, "other.pub"), "utf8").trim();
  await refused(
    connect(target({ hostKeys: [other] }), sshd.login, deadline),
    "integrity",
    /another host key, SHA256:/,
  );
  await refused(connect(target({ hostKeys: [] }), sshd.login, deadline), "integrity", /not known/);
  const either = await connect(target({ hostKeys: [other, sshd.hostKey] }), sshd.login, deadline);
  assert.match(either.fingerprint, /^SHA256:/);
  either.close();
});

test("a key that the host does not know is denied, a closed port unreachable", async () => {
  keygen(join(folder, "stranger"));
  const key = Secret.take(readFileSync(join(folder, "stranger")));
  await refused(connect(target(), { kind: "key", key }, deadline), "denied");
  await refused(connect(target({ port: await freePort() }), sshd.login, deadline), "unreachable");
});

test("a hook past its time ends the connection", async () => {
  const one = await connect(target(), sshd.login, deadline);
  await refused(one.run(["sleep", "30"], {}, 200 as DurationMs), "timeout");
  await refused(one.install(join(folder, "late"), Secret.fromText("x"), own), "unreachable");
  assert.ok(!existsSync(join(folder, "late")));
});

/** What is no sshd, or one that means harm. */
async function against(
  behave: (socket: Socket) => void,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    behave(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("a host that accepts and says nothing, and one whose banner never ends, cost no more than the time they have", async () => {
  const short = 700 as DurationMs;
  await against(
    () => {},
    (port) => refused(connect(target({ port }), sshd.login, short), "timeout"),
  );
  const before = process.memoryUsage().rss;
  await against(
    (socket) => {
      const pour = () => {
        while (socket.writable && socket.write("x".repeat(65_536)));
      };
      socket.on("drain", pour);
      pour();
    },
    async (port) => {
      await assert.rejects(connect(target({ port }), sshd.login, short), isKeywardError);
      assert.ok(process.memoryUsage().rss - before < 200_000_000);
    },
  );
  await against(
    (socket) => {
      const pour = () => {
        while (socket.writable && socket.write("a line before the greeting\r\n".repeat(1000)));
      };
      socket.on("drain", pour);
      pour();
    },
    async (port) => {
      await assert.rejects(connect(target({ port }), sshd.login, short), isKeywardError);
      assert.ok(process.memoryUsage().rss - before < 300_000_000);
    },
  );
});

test("a host that lets us in and then never answers has its time; one that answers nonsense is refused", async () => {
  for (const [program, code, limit] of [
    ["/bin/sleep 600", "timeout", 2000],
    ["/usr/bin/yes", "malformed", deadline],
    ["/bin/false", "unreachable", deadline],
  ] as const) {
    const odd = await startSshd({ config: [`Subsystem sftp ${program}`] });
    const to = target({ port: odd.port, hostKeys: [odd.hostKey] });
    await refused(connect(to, odd.login, limit as DurationMs), code).finally(() => odd.stop());
  }
});

test("a connection that is kept serves the same node's next push without a login, and no other's", async () => {
  const kept = createKept<Connection>({ most: 8, idleMs: 600_000, oldMs: 600_000 });
  const keeping = createConnectHost(openBySsh2, systemRandom, kept);
  /** @returns The process of sshd that serves the connection. */
  const push = async (node: string): Promise<number> => {
    const one = await keeping(target(), sshd.login, deadline, node);
    const file = join(folder, "served-by");
    assert.equal(await one.run(["sh", "-c", 'echo "$PPID" > "$0"', file], {}, deadline), 0);
    one.close();
    return Number(readFileSync(file, "utf8"));
  };
  kept.start();
  const first = await push("web1");
  assert.equal(await push("web1"), first);
  assert.notEqual(await push("web2"), first);
  process.kill(first, "SIGKILL");
  const second = await push("web1");
  assert.notEqual(second, first, "one that was lost is made anew");
  kept.stop();
  await until("it is closed", () => statIfThere(`/proc/${second}`) === null);
  assert.notEqual(await push("web1"), second);
});

test("a connection on which something was not answered in time is not kept", async () => {
  const kept = createKept<Connection>({ most: 8, idleMs: 600_000, oldMs: 600_000 });
  kept.start();
  const keeping = createConnectHost(openBySsh2, systemRandom, kept);
  const one = await keeping(target(), sshd.login, deadline, "web1");
  await refused(one.run(["sleep", "30"], {}, 200 as DurationMs), "timeout");
  one.close();
  assert.equal(kept.take(JSON.stringify(["web1", target()])), null);
});

test("a host that ends the connection as soon as it has let us in is an error of its own, and of nobody else", async () => {
  const host = readFileSync(join(sshd.folder, "host"));
  const harm = new ssh2.Server({ hostKeys: [host] }, (client) => {
    client.on("error", () => {});
    client.on("authentication", (asked) => {
      asked.accept();
      client.end();
    });
  });
  await new Promise<void>((resolve) => harm.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = harm.address() as AddressInfo;
    for (let i = 0; i < 10; i++)
      await refused(connect(target({ port }), sshd.login, deadline), "unreachable");
  } finally {
    await new Promise<void>((resolve) => harm.close(() => resolve()));
  }
});
