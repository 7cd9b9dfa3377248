import assert from "node:assert/strict";
import { test } from "node:test";
import { createCached } from "./cached.ts";

/** Answers count up; time is told. */
function counting(keepMs = 1000, spacingMs = 0) {
  const state = { now: 0, loads: 0, fail: false, reused: 0 };
  const cached = createCached({
    load: async () => {
      state.loads += 1;
      if (state.fail) throw new Error("away");
      return state.loads;
    },
    now: () => state.now,
    keepMs,
    spacingMs,
    most: 3,
    onReuse: () => {
      state.reused += 1;
    },
  });
  return { state, cached };
}

test("all who ask at once share one question", async () => {
  const { state, cached } = counting();
  const answers = await Promise.all(Array.from({ length: 50 }, () => cached.get("a")));
  assert.deepEqual(new Set(answers.map(({ value }) => value)), new Set([1]));
  assert.deepEqual(answers.map(({ fresh }) => fresh).slice(0, 2), [true, false]);
  assert.equal(state.loads, 1);
  assert.equal(state.reused, 49);
});

test("an answer holds for a second from its question, and no longer", async () => {
  const { state, cached } = counting();
  await cached.get("a");
  state.now = 999;
  assert.deepEqual(await cached.get("a"), { value: 1, fresh: false });
  state.now = 1000;
  assert.deepEqual(await cached.get("a"), { value: 2, fresh: true });
});

test("a failure is told to all who wait, and is not kept", async () => {
  const { state, cached } = counting();
  state.fail = true;
  const both = await Promise.allSettled([cached.get("a"), cached.get("a")]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  state.fail = false;
  assert.equal((await cached.get("a")).value, 2);
});

test("who asks again gets an answer to a question from then on, shared with others who do", async () => {
  const { cached } = counting();
  await cached.get("a");
  const again = await Promise.all([cached.again("a"), cached.again("a"), cached.again("a")]);
  assert.deepEqual(again, [2, 2, 2]);
  assert.equal((await cached.get("a")).value, 2);
});

test("questions that are asked again keep their distance", async () => {
  const start = performance.now();
  let loads = 0;
  const cached = createCached({ load: async () => ++loads, spacingMs: 40 });
  await cached.get("a");
  for (let i = 0; i < 3; i++) await cached.again("a");
  assert.equal(loads, 4);
  assert.ok(performance.now() - start >= 110);
});

test("only so many answers are kept, and all are forgotten when something changed", async () => {
  const { state, cached } = counting();
  for (const key of ["a", "b", "c", "d"]) await cached.get(key);
  assert.equal((await cached.get("d")).value, 4);
  assert.equal((await cached.get("a")).value, 5, "the oldest had gone");
  cached.clear();
  assert.equal((await cached.get("d")).value, 6);
  assert.equal(state.loads, 6);
});
