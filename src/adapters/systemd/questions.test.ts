import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Secret } from "../../base/secret.ts";
import { MAX_QUESTION, parseQuestion } from "./question.ts";
import { createQuestions, isTypeable } from "./questions.ts";

const DIRECTORY = "/run/systemd/ask-password";
const root = mkdtempSync(join(tmpdir(), "keyward-ask-"));
after(() => rmSync(root, { recursive: true }));

/** As systemd-cryptsetup 252 wrote it. */
const written = (directory = DIRECTORY, more: Readonly<Record<string, string>> = {}): string => {
  const members = {
    PID: `${process.pid}`,
    Socket: `${directory}/sck.9e2f31c0a4bd5d17`,
    AcceptCached: "1",
    Echo: "0",
    NotAfter: "0",
    Silent: "0",
    Message: "Please enter passphrase for disk data (data)!",
    Icon: "drive-harddisk",
    Id: "cryptsetup:/dev/disk/by-id/virtio-data",
    ...more,
  };
  return `[Ask]\n${Object.entries(members)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("")}`;
};
const parse = (text: string) => parseQuestion(Buffer.from(text, "latin1"), DIRECTORY);

test("a question about a volume is read as systemd writes it", () => {
  assert.deepEqual(parse(written()), {
    pid: process.pid,
    socket: "sck.9e2f31c0a4bd5d17",
    notAfter: 0n,
    device: "/dev/disk/by-id/virtio-data",
  });
});

test("a question about anything else, or with an answer that would go elsewhere, is none", () => {
  const others: Record<string, string>[] = [
    { Id: "cryptsetup:data" },
    { Id: "cryptenroll:/dev/vdb" },
    { Id: "cryptsetup:/dev/vdb\\x20" },
    { Socket: "/tmp/sck.1" },
    { Socket: `${DIRECTORY}/../sck.1` },
    { Socket: `${DIRECTORY}/ask.1` },
    { Socket: `${DIRECTORY}/sck.` },
    { PID: "-1" },
    { PID: "0" },
    { NotAfter: "x" },
    { NotAfter: "-1" },
  ];
  for (const other of others) assert.equal(parse(written(DIRECTORY, other)), null, JSON.stringify(other));
  assert.equal(parse(`${written()}Id=cryptsetup:/dev/vdc\n`), null);
  assert.equal(parse(written().replace("[Ask]", "[Other]")), null);
  assert.equal(parse(`${written()}${"x".repeat(MAX_QUESTION)}`), null);
  assert.equal(parse(`${"\n".repeat(64)}${written()}`), null);
});

test("a question that is cut off or changed at any place is read otherwise or not at all, and breaks nothing", () => {
  const whole = written();
  for (let at = 0; at < whole.length; at++) {
    parse(whole.slice(0, at));
    for (const byte of [0, 10, 61, 91, 255])
      parse(`${whole.slice(0, at)}${String.fromCharCode(byte)}${whole.slice(at + 1)}`);
  }
});

test("a key that cannot be an answer is told from one that can", () => {
  const can = (...bytes: number[]): boolean => isTypeable(Secret.take(Uint8Array.from(bytes)));
  assert.equal(can(1, 9, 11, 255), true);
  for (const byte of [0, 10, 13]) assert.equal(can(65, byte, 66), false);
  assert.equal(can(), false);
  assert.equal(can(...new Array(2046).fill(65)), true);
  assert.equal(can(...new Array(2047).fill(65)), false);
});

/** A directory with a question whose socket is there. */
async function asked(text: (directory: string) => string) {
  const directory = mkdtempSync(join(root, "d-"));
  // A stream socket lies there as a datagram socket does.
  const server = createServer().listen(join(directory, "sck.9e2f31c0a4bd5d17"));
  await once(server, "listening");
  after(() => server.close());
  writeFileSync(join(directory, "ask.1"), text(directory), { mode: 0o600 });
  return { directory, questions: createQuestions({ directory }) };
}

test("a question is open while the one who asks is there and its time is not up", async () => {
  const { questions } = await asked((directory) => written(directory));
  assert.equal(questions.open().length, 1);
  const gone = await asked((directory) => written(directory, { PID: "4194999" }));
  assert.deepEqual(gone.questions.open(), []);
  const late = await asked((directory) => written(directory, { NotAfter: "1" }));
  assert.deepEqual(late.questions.open(), []);
  const long = await asked((directory) => written(directory, { NotAfter: `${2n ** 60n}` }));
  assert.equal(long.questions.open().length, 1);
  rmSync(join(long.directory, "sck.9e2f31c0a4bd5d17"));
  assert.deepEqual(long.questions.open(), []);
});

test("what others could have written is no question", async () => {
  const { directory, questions } = await asked((directory) => written(directory));
  const file = join(directory, "ask.1");
  chmodSync(file, 0o622);
  assert.deepEqual(questions.open(), []);
  chmodSync(file, 0o600);
  assert.equal(questions.open().length, 1);
  chmodSync(directory, 0o777);
  assert.deepEqual(questions.open(), []);
  chmodSync(directory, 0o755);
  writeFileSync(join(root, "elsewhere"), written(directory));
  rmSync(file);
  symlinkSync(join(root, "elsewhere"), file);
  assert.deepEqual(questions.open(), []);
  rmSync(file);
  mkdirSync(file);
  assert.deepEqual(questions.open(), []);
  assert.deepEqual(createQuestions({ directory: join(root, "none") }).open(), []);
});

const isRoot = process.getuid?.() === 0;

test("systemd-ask-password gets a key as its answer, byte for byte", {
  skip: isRoot ? false : "root asks",
}, async () => {
  const device = `/dev/shm/keyward-ask-${process.pid}`;
  const child: ChildProcess = spawn(
    "systemd-ask-password",
    ["--no-tty", "--timeout=60", `--id=cryptsetup:${device}`, "passphrase"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const parts: Buffer[] = [];
  child.stdout?.on("data", (part) => parts.push(part));
  const ended = once(child, "close");
  const questions = createQuestions();
  const mine = () => questions.open().find((one) => one.device === device);
  try {
    while (mine() === undefined) {
      assert.equal(child.exitCode, null, "it asks nobody");
      await wait(20);
    }
    const question = mine();
    assert.ok(question !== undefined);
    await assert.rejects(questions.answer(question, Secret.fromText("ab\nc")), { code: "usage" });
    const bytes = Uint8Array.from({ length: 255 }, (_, i) => i + 1).filter(
      (byte) => byte !== 10 && byte !== 13,
    );
    await questions.answer(question, Secret.take(Uint8Array.from(bytes)));
    await ended;
    assert.deepEqual(Buffer.concat(parts), Buffer.from([...bytes, 10]));
    assert.equal(mine(), undefined);
    await assert.rejects(questions.answer(question, Secret.fromText("late")), { code: "local" });
  } finally {
    child.kill("SIGKILL");
  }
});
