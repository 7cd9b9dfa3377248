/** Rotations that are killed at every step, and at any moment: real processes, real files, a real SIGKILL. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { keysOf, makeMachine, openersForTest, placeForTest } from "../../test/seed/machine.ts";
import { openMachineSeed } from "./seed.ts";

const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const rounds = Number(process.env.KILL_ROUNDS ?? 10);
const program = join(import.meta.dirname, "../../test/seed/rotate-child.ts");

const canSetFlags = ((): boolean => {
  const probe = mkdtempSync(join(memory, "keyward-flags-"));
  try {
    for (const flag of ["+i", "-i"]) execFileSync("chattr", [flag, probe], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true });
  }
})();

/** Steps of a whole rotation: stage, stage-ledger, three deliveries, commit, commit-ledger, erase. */
const STEPS = 8;
const COMMIT = 5;

for (const kind of ["file", "uefi"] as const) {
  const skip = kind === "uefi" && !canSetFlags ? "wants root, and a kernel with the immutable flag" : false;

  test(`a rotation killed at every step goes on, its seed in a place of kind ${kind}`, { skip }, async () => {
    for (let stop = 0; stop < STEPS; stop++)
      await onMachine(kind, async (root) => {
        await killedAt(root, kind, stop);
        await assertSeedIsThere(root, kind, `killed at step ${stop}`);
        assert.equal((await run(root, kind, stop === 0 ? "rotate" : "resume")).at(-1), "done");
        await assertRotated(root, kind, 2, `killed at step ${stop}`);
      });
  });

  test(`a rotation killed before its commit can be rolled back, also when that is killed: ${kind}`, {
    skip,
  }, async () => {
    for (let stop = 1; stop <= COMMIT; stop++)
      for (const again of [null, stop % 4])
        await onMachine(kind, async (root) => {
          const before = await snapshot(root, kind);
          await killedAt(root, kind, stop);
          if (again !== null) await killedAt(root, kind, again, "roll-back");
          await run(root, kind, "roll-back");
          await assertRotated(root, kind, 1, `killed at step ${stop}, rolled back`);
          assert.deepEqual(await snapshot(root, kind), before);
        });
  });
}

test("a rotation killed at any moment goes on", async () => {
  for (let round = 0; round < rounds; round++)
    await onMachine("file", async (root) => {
      const child = start(root, "file", -1, "rotate");
      await child.said("ready");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
      await child.kill();
      await assertSeedIsThere(root, "file", `round ${round}`);
      await run(root, "file", "resume");
      // A seed that was never wholly staged is cleared away at the next boot, which protects the place.
      await (await placeForTest(root, "file")).protect();
      // Killed before anything was staged, it has not begun.
      const generation = await assertRotated(root, "file", null, `round ${round}`);
      assert.ok(generation === 1 || generation === 2, `round ${round}: generation ${generation}`);
    });
});

async function onMachine(kind: string, work: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(memory, "keyward-rotation-"));
  try {
    await makeMachine(root, kind);
    await work(root);
  } finally {
    if (kind === "uefi")
      for (const name of readdirSync(join(root, "efivars")))
        execFileSync("chattr", ["-i", join(root, "efivars", name)]);
    rmSync(root, { recursive: true, force: true });
  }
}

function start(root: string, kind: string, stop: number, act: string) {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(
    process.execPath,
    [program, "--", root, kind, String(stop), act],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const lines: string[] = [];
  const reading = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string | undefined> => {
    const { value, done } = await reading.next();
    if (done !== true) lines.push(value);
    return done === true ? undefined : value;
  };
  return {
    lines,
    next,
    ended,
    async said(text: string) {
      for (let line = await next(); line !== text; line = await next())
        assert.ok(line !== undefined, `it never said ${text}`);
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function killedAt(root: string, kind: string, stop: number, act = "rotate"): Promise<void> {
  const child = start(root, kind, stop, act);
  await child.said("ready");
  for (let step = 0; step <= stop; step++)
    assert.match((await child.next()) ?? "ended", /^at /, `step ${step}`);
  await child.kill();
}

async function run(root: string, kind: string, act = "rotate"): Promise<readonly string[]> {
  const child = start(root, kind, -1, act);
  while ((await child.next()) !== undefined);
  assert.equal(await child.ended, 0);
  return child.lines;
}

/** Whenever it is killed, the machine has a seed, and one generation or the next. */
async function assertSeedIsThere(root: string, kind: string, where: string): Promise<void> {
  using machine = await openMachineSeed(await placeForTest(root, kind), openersForTest);
  assert.ok(machine.facts.generation <= 2, where);
}

/** @returns The generation. */
async function assertRotated(
  root: string,
  kind: string,
  generation: number | null,
  where: string,
): Promise<number> {
  const place = await placeForTest(root, kind);
  using machine = await openMachineSeed(place, openersForTest);
  if (generation !== null) assert.equal(machine.facts.generation, generation, where);
  assert.equal(await place.read("next"), null, where);
  for (const { file, key } of await keysOf(root, machine))
    assert.ok(Buffer.from(key).equals(readFileSync(file)), `${where}: ${file} is of another seed`);
  const left = readdirSync(root).filter((name) => /next|\.new|lock/.test(name));
  assert.deepEqual(left, [], where);
  return machine.facts.generation;
}

async function snapshot(root: string, kind: string): Promise<unknown> {
  const place = await placeForTest(root, kind);
  return [await place.read("current"), readFileSync(join(root, "ledger"), "utf8")];
}
