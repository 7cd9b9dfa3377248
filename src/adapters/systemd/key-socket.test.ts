import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Secret } from "../../base/secret.ts";
import { activatedSockets, openKeySocket, sortSockets } from "./key-socket.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-socket-"));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const place = (): string => join(root, `${++count}`, "data.key");

/** As systemd-cryptsetup asks: its own side ends at once, then it reads to the end. */
function ask(path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true }, () => socket.end());
    const parts: Buffer[] = [];
    socket.on("data", (part) => parts.push(part));
    socket.on("end", () => resolve(Buffer.concat(parts)));
    socket.on("error", reject);
  });
}

test("who asks gets the key and nothing else, however long it takes", async () => {
  const path = place();
  const given: Secret[] = [];
  const server = await openKeySocket({
    at: { path },
    async answer() {
      await new Promise((resolve) => setTimeout(resolve, 300));
      const key = Secret.take(Buffer.from("key\0\n\r with bytes"));
      given.push(key);
      return key;
    },
  });
  assert.equal((await ask(path)).toString(), "key\0\n\r with bytes");
  assert.equal((await ask(path)).toString(), "key\0\n\r with bytes");
  while (given.some((key) => key.length > 0)) await new Promise((resolve) => setTimeout(resolve, 10));
  await server.close();
});

test("only its owner may ask", async () => {
  const path = place();
  const server = await openKeySocket({ at: { path }, answer: async () => null });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
  await server.close();
});

test("without a key nothing comes", async () => {
  const path = place();
  const server = await openKeySocket({ at: { path }, answer: async () => null });
  assert.equal((await ask(path).catch(() => Buffer.alloc(0))).length, 0);
  await server.close();
  const broken = await openKeySocket({ at: { path }, answer: () => Promise.reject(new Error("no")) });
  assert.equal((await ask(path).catch(() => Buffer.alloc(0))).length, 0);
  await broken.close();
});

test("who asks again is the one who is answered", async () => {
  const path = place();
  const asked: AbortSignal[] = [];
  const server = await openKeySocket({
    at: { path },
    answer: async (signal) => {
      asked.push(signal);
      if (asked.length > 1) return Secret.fromText("key");
      return await new Promise<null>((resolve) => signal.addEventListener("abort", () => resolve(null)));
    },
  });
  const first = ask(path).catch(() => Buffer.alloc(0));
  while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(String(await ask(path)), "key");
  assert.equal(String(await first), "");
  assert.equal(asked[0]?.aborted, true);
  await server.close();
});

test("of a service's key several may ask at a time, and each gets it", async () => {
  const path = place();
  let give = (): void => {};
  const there = new Promise<void>((resolve) => (give = resolve));
  let count = 0;
  const server = await openKeySocket({
    at: { path },
    many: true,
    async answer() {
      count++;
      await there;
      return Secret.fromText("key");
    },
  });
  const asks = [ask(path), ask(path), ask(path)];
  while (count < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  give();
  assert.deepEqual((await Promise.all(asks)).map(String), ["key", "key", "key"]);
  await server.close();
});

test("a socket that was left is replaced, a file or a link is not", async () => {
  const path = place();
  const first = await openKeySocket({ at: { path }, answer: async () => null });
  const second = await openKeySocket({ at: { path }, answer: async () => Secret.fromText("second") });
  assert.equal(String(await ask(path)), "second");
  await first.close();
  await second.close();
  writeFileSync(path, "a file");
  await assert.rejects(openKeySocket({ at: { path }, answer: async () => null }), { code: "local" });
  rmSync(path);
  symlinkSync("/etc/passwd", path);
  await assert.rejects(openKeySocket({ at: { path }, answer: async () => null }), { code: "local" });
});

test("sockets of systemd are known by name, and only if they are ours", () => {
  const environment = { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "data:backup-1" };
  assert.deepEqual(
    [...activatedSockets(environment, 7)],
    [
      ["data", 3],
      ["backup-1", 4],
    ],
  );
  const { volumes, credentials } = sortSockets(
    activatedSockets({ ...environment, LISTEN_FDNAMES: "keyward-credential.db.key:data" }, 7),
  );
  assert.deepEqual(
    [...volumes, ...credentials],
    [
      ["data", 4],
      ["db.key", 3],
    ],
  );
  assert.equal(activatedSockets(environment, 8).size, 0);
  assert.equal(activatedSockets({}, 7).size, 0);
  for (const LISTEN_FDS of ["", "0", "-1", "x", "99999"])
    assert.equal(activatedSockets({ ...environment, LISTEN_FDS }, 7).size, 0, LISTEN_FDS);
});
