import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { test } from "node:test";
import { desiredAt } from "../../test/agent/kill-steps.ts";

/** As by default in /run: a disk that is slow to sync would let few steps happen. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const rounds = Number(process.env.KILL_ROUNDS ?? 30);
const child = join(import.meta.dirname, "../../test/agent/kill-child.ts");

test(`an agent that is killed at any point converges on its next run, and hooks that were due run: ${rounds} kills`, async () => {
  const root = realpathSync(mkdtempSync(join(memory, "keyward-kill-")));
  for (const name of ["keys", "seen"]) mkdirSync(join(root, name), { mode: 0o700 });
  writeFileSync(join(root, "STEP"), "0");
  let steps = 0;
  let within = 50;
  try {
    for (let round = 0; round <= rounds; round++) {
      const agent = start(root, round === rounds);
      const lines = createInterface(agent.stdout)[Symbol.asyncIterator]();
      assert.equal((await lines.next()).value, "ready");
      const step = Number(readFileSync(join(root, "STEP"), "utf8"));
      assertConverged(root, step, round);
      if (round === rounds) break;
      agent.stdin.write("go\n");
      assert.equal((await lines.next()).value, "going");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * within));
      await kill(agent);
      steps = Number(readFileSync(join(root, "STEP"), "utf8"));
      // a machine so slow that it was killed before its first step has longer the next time
      if (steps === step) within *= 1.5;
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  assert.ok(steps > rounds / 3, `only ${steps} steps in ${rounds} rounds`);
});

type Child = ChildProcessByStdio<Writable, Readable, null>;

function start(root: string, lives: boolean): Child {
  return spawn(process.execPath, [child, root, lives ? "lives" : "dies"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
}

function kill(agent: Child): Promise<void> {
  return new Promise((resolve) => {
    agent.once("exit", () => resolve());
    agent.kill("SIGKILL");
  });
}

function assertConverged(root: string, step: number, round: number): void {
  const desired = desiredAt(root, step);
  const where = `round ${round}, step ${step}`;
  const keys = join(root, "keys");
  const files = readdirSync(keys, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(keys, name)).isFile(),
  );
  assert.deepEqual(files.sort(), desired.map(({ delivery }) => delivery.path).sort(), where);
  for (const { key, value, delivery } of desired) {
    assert.equal(
      readFileSync(join(keys, delivery.path), "utf8") === value,
      true,
      `${where}: content of ${key}`,
    );
    assert.equal(readFileSync(join(root, "seen", key), "utf8") === value, true, `${where}: hook of ${key}`);
  }
  const state = readdirSync(join(root, "state")).filter((name) => name.startsWith("."));
  assert.deepEqual(state, [], where);
}
