import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { concat, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { type Ask, createPackets, decodeReply, encodeAsk, encodeInit, OpenFlag, type Reply } from "./sftp.ts";

const server = "/usr/lib/openssh/sftp-server";

/** OpenSSH's own file server, spoken to over a pipe. */
function talk(): { ask(question: Ask): Promise<Reply>; start(): Promise<Reply>; stop(): void } {
  const child = spawn(server, [], { stdio: ["pipe", "pipe", "inherit"] });
  const packets = createPackets("test");
  const waiting: ((reply: Reply) => void)[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    for (const packet of packets.take(chunk)) waiting.shift()?.(decodeReply(packet, "test"));
  });
  let id = 0;
  const send = (bytes: Uint8Array) =>
    new Promise<Reply>((resolve) => {
      waiting.push(resolve);
      child.stdin.write(bytes);
    });
  return {
    ask: (question) => send(encodeAsk(++id, question)),
    start: () => send(encodeInit()),
    stop: () => child.kill(),
  };
}

test("OpenSSH's file server does what it is asked", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sftp-"));
  const { ask, start, stop } = talk();
  try {
    const hello = await start();
    assert.ok(hello.kind === "version" && hello.version === 3);
    assert.equal(hello.extensions.get("posix-rename@openssh.com"), "1");
    assert.equal(hello.extensions.get("fsync@openssh.com"), "1");
    const path = join(folder, "a");
    const flags = OpenFlag.write | OpenFlag.create | OpenFlag.exclusive;
    const opened = await ask({ kind: "open", path, flags, attributes: { mode: 0o600 } });
    assert.ok(opened.kind === "handle");
    const { handle } = opened;
    const twice = await ask({ kind: "open", path, flags, attributes: { mode: 0o600 } });
    assert.ok(twice.kind === "status" && twice.status === "failure");
    const status = async (question: Ask) => {
      const reply = await ask(question);
      return reply.kind === "status" ? reply.status : reply.kind;
    };
    assert.equal(await status({ kind: "write", handle, offset: 0, data: utf8("correct horse") }), "ok");
    assert.equal(
      await status({ kind: "fsetstat", handle, attributes: { uid: 0, gid: 0, mode: 0o440 } }),
      "ok",
    );
    assert.equal(await status({ kind: "fsync", handle }), "ok");
    assert.equal(await status({ kind: "close", handle }), "ok");
    writeFileSync(join(folder, "b"), "old");
    assert.equal(await status({ kind: "posix-rename", from: path, to: join(folder, "b") }), "ok");
    assert.equal(readFileSync(join(folder, "b"), "utf8"), "correct horse");
    const seen = await ask({ kind: "lstat", path: join(folder, "b") });
    assert.ok(seen.kind === "attributes" && seen.size === 13 && ((seen.mode ?? 0) & 0o7777) === 0o440);
    assert.equal(await status({ kind: "lstat", path: join(folder, "none") }), "no-such-file");
    assert.equal(await status({ kind: "mkdir", path: join(folder, "d"), attributes: { mode: 0o700 } }), "ok");
    const real = await ask({ kind: "realpath", path: `${folder}/d/../b` });
    assert.deepEqual(real.kind === "names" && real.names, [join(folder, "b")]);
    const read = await ask({ kind: "open", path: join(folder, "b"), flags: OpenFlag.read, attributes: {} });
    assert.ok(read.kind === "handle");
    const data = await ask({ kind: "read", handle: read.handle, offset: 8, length: 100 });
    assert.deepEqual(data.kind === "data" && data.data, utf8("horse"));
    assert.equal(await status({ kind: "read", handle: read.handle, offset: 13, length: 1 }), "end-of-file");
    assert.equal(await status({ kind: "remove", path: join(folder, "b") }), "ok");
  } finally {
    stop();
    rmSync(folder, { recursive: true });
  }
});

test("packets come out whole, in whatever pieces they come in", () => {
  const bytes = concat(encodeInit(), encodeAsk(7, { kind: "lstat", path: "/a" }));
  for (let size = 1; size < bytes.length; size++) {
    const packets = createPackets("test");
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += size)
      found.push(...packets.take(bytes.subarray(at, at + size)).map(toHex));
    assert.deepEqual(found, ["0100000003", "0700000007000000022f61"], `pieces of ${size}`);
  }
});

test("a packet without content, and one of 4 GB, is refused before it is waited for", () => {
  for (const length of [
    [0, 0, 0, 0],
    [255, 255, 255, 255],
    [0, 4, 0, 1],
  ])
    assert.throws(
      () => createPackets("test").take(Uint8Array.from(length)),
      (error) => isKeywardError(error, "malformed"),
    );
});

test("each truncation of a reply is refused, and what is left over", () => {
  const attributes = [105, 0, 0, 0, 1, 0, 0, 0, 15, ...new Array(8 + 8 + 4 + 8).fill(1)];
  const handle = [102, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9];
  const names = [104, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 97, 0, 0, 0, 0, 0, 0, 0, 0];
  for (const reply of [attributes, handle, names]) {
    assert.ok(decodeReply(Uint8Array.from(reply), "test"));
    for (let length = 0; length < reply.length; length++)
      assert.throws(() => decodeReply(Uint8Array.from(reply.slice(0, length)), "test"), isKeywardError);
    assert.throws(() => decodeReply(Uint8Array.from([...reply, 0]), "test"), /left over/);
  }
});
