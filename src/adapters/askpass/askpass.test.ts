import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createAskHere } from "./askpass.ts";

/** A program in the place of theirs. */
function setUp(t: TestContext, script: string) {
  const folder = mkdtempSync(join(tmpdir(), "keyward-askpass-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [program, fifo] = [join(folder, "ask"), join(folder, "fifo")];
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  execFileSync("mkfifo", [fifo]);
  return { program, fifo, argv: (question: string) => [program, question, fifo] };
}

const open = (): AbortSignal => new AbortController().signal;
const textOf = (answer: { reveal(): Uint8Array } | null): string | null =>
  answer === null ? null : Buffer.from(answer.reveal()).toString();

test("what was typed comes back, with its line feed or without, and the question was put", async (t) => {
  const askpass = setUp(t, 'printf "%s: typed" "$1"');
  assert.equal(textOf(await createAskHere("askpass", askpass)("key", open())), "key: typed");
  const systemd = setUp(t, "echo typed");
  assert.equal(textOf(await createAskHere("systemd", systemd)("key", open())), "typed");
});

test("one that fails has no answer, one that is missing is said", async (t) => {
  assert.equal(await createAskHere("askpass", setUp(t, "echo half; exit 1"))("key", open()), null);
  const missing = { argv: () => ["/nowhere/askpass"] };
  await assert.rejects(createAskHere("askpass", missing)("key", open()), { code: "local" });
});

test("when nobody needs the answer any more, it is ended by an empty line, so that it puts the terminal right", async (t) => {
  const over = new AbortController();
  const parts = setUp(
    t,
    'exec 3<> "$2"; : > "$2.ready"; read -r line <&3; [ -z "$line" ] && echo ended > "$2.done"',
  );
  const answer = createAskHere("askpass", parts)("key", over.signal);
  while (!existsSync(`${parts.fifo}.ready`)) await wait(20);
  over.abort();
  assert.equal(await answer, null);
  assert.equal(execFileSync("cat", [`${parts.fifo}.done`], { encoding: "utf8" }), "ended\n");
});

test("one that knows no such way is told to end, and made to if it does not", async (t) => {
  const over = new AbortController();
  const { argv } = setUp(t, "trap '' TERM; while :; do sleep 1; done");
  const answer = createAskHere("systemd", { argv })("key", over.signal);
  over.abort();
  assert.equal(await answer, null);
});
