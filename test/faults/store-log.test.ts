import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  contentsOf,
  flipped,
  openChanged,
  putBack,
  type Snapshot,
  startHolder,
  takeSnapshot,
  temporaryDirectory,
} from "./store-cases.ts";

const HEADER = 32;
const FRAME = 24 + 4096;

interface Case {
  readonly directory: string;
  readonly snapshot: Snapshot;
  readonly log: Buffer;
  readonly whole: string;
}

/** What a killed process leaves: commits that are in the log only. */
async function makeCrash(t: TestContext): Promise<Case> {
  const directory = temporaryDirectory(t);
  await (await startHolder(directory)).kill();
  const snapshot = takeSnapshot(directory);
  const whole = await contentsOf(directory);
  return { directory, snapshot, log: snapshot.get("store.db-wal") ?? Buffer.alloc(0), whole };
}

/** Offsets of the frames that end a commit. */
function commitFrames(log: Buffer): number[] {
  const frames = Array.from({ length: (log.length - HEADER) / FRAME }, (_, i) => HEADER + i * FRAME);
  return frames.filter((offset) => log.readUInt32BE(offset + 4) !== 0);
}

test("a killed process leaves its commits in the log, and the next one reads them", async (t) => {
  const one = await makeCrash(t);
  assert.ok(commitFrames(one.log).length >= 12);
  assert.equal(await openChanged(one.directory, one.snapshot, one.whole), null);
});

test("a flipped byte anywhere in the log is refused: no acknowledged commit is dropped in silence", async (t) => {
  const one = await makeCrash(t);
  for (let offset = 0; offset < one.log.length; offset += offset < HEADER ? 1 : 997) {
    const changed = flipped(one.snapshot, "store.db-wal", offset, 0x11);
    const refusal = await openChanged(one.directory, changed, one.whole);
    assert.equal(refusal?.code, "integrity", `byte ${offset}: ${refusal}`);
  }
});

test("damage before the last commit is found by the log alone, and the frame is named", async (t) => {
  const one = await makeCrash(t);
  const withoutMark = new Map([...one.snapshot].filter(([name]) => name !== "store.mark"));
  const beforeLast = commitFrames(one.log).at(-2) ?? 0;
  for (const offset of [HEADER + 5000, beforeLast + 4, beforeLast + 17, beforeLast + 2000]) {
    const refusal = await openChanged(
      one.directory,
      flipped(withoutMark, "store.db-wal", offset, 1),
      one.whole,
    );
    const frame = Math.floor((offset - HEADER) / FRAME) + 1;
    assert.match(
      String(refusal),
      new RegExp(`store.db-wal: frame ${frame} is damaged, and later commits follow`),
    );
  }
});

test("a log cut short by a power loss is read up to its last whole commit", async (t) => {
  const one = await makeCrash(t);
  // After a power loss the mark may be older, or not there.
  const withoutMark = new Map([...one.snapshot].filter(([name]) => name !== "store.mark"));
  const last = commitFrames(one.log).at(-1) ?? 0;
  const before = (commitFrames(one.log).at(-2) ?? 0) + FRAME;
  for (const torn of [one.log.subarray(0, last + 1000), one.log.subarray(0, before)]) {
    putBack(one.directory, new Map([...withoutMark, ["store.db-wal", torn]]));
    const found = await contentsOf(one.directory);
    assert.ok(found.includes("held/10 ") && !found.includes("held/11 "));
  }
  // The disk may have taken the pages of the last commit in any order.
  const holed = Buffer.from(one.log);
  holed.fill(0, before, before + FRAME);
  putBack(one.directory, new Map([...withoutMark, ["store.db-wal", holed]]));
  assert.ok(!(await contentsOf(one.directory)).includes("held/11 "));
});

test("a log cut short although its commits were acknowledged is refused", async (t) => {
  const one = await makeCrash(t);
  const last = commitFrames(one.log).at(-1) ?? 0;
  const without = new Map([...one.snapshot].filter(([name]) => name !== "store.db-wal"));
  for (const rest of [one.log.subarray(0, last), one.log.subarray(0, 20), Buffer.alloc(0)]) {
    const refusal = await openChanged(
      one.directory,
      new Map([...without, ["store.db-wal", rest]]),
      one.whole,
    );
    assert.match(String(refusal), /had acknowledged revision|has had commits/);
  }
  assert.equal((await openChanged(one.directory, without, one.whole))?.code, "integrity");
});
