import assert from "node:assert/strict";
import { test } from "node:test";
import { holdTime } from "../../test/agent/held-time.ts";
import { createRig } from "../../test/agent/rig.ts";
import { KeywardError } from "../base/errors.ts";
import { createBackoff, createPace, SPACING_MS } from "./pace.ts";

/** The most calls that began within any second. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length));
}

test("turns are more than a second apart, in the order of the calls", async () => {
  const time = holdTime();
  const pace = createPace(time.wait, new AbortController().signal);
  const taken: [string, number][] = [];
  const start = time.clock();
  for (const name of ["a", "b", "c"]) void pace.turn().then(() => taken.push([name, time.clock() - start]));
  await time.advance(10_000);
  assert.deepEqual(taken, [
    ["a", 0],
    ["b", SPACING_MS],
    ["c", 2 * SPACING_MS],
  ]);
});

test("the delay grows to its bound, is spread over all of it, and starts anew after a success", () => {
  let next = 0;
  const random = (): Uint8Array => new Uint8Array(4).fill(next);
  const backoff = createBackoff(random, 1000, 60_000);
  next = 255;
  const most = Array.from({ length: 10 }, () => Math.round(backoff.next()));
  assert.deepEqual(most, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
  next = 0;
  assert.equal(backoff.next(), 0);
  next = 255;
  backoff.reset();
  assert.equal(Math.round(backoff.next()), 1000);
});

test("however a server fails, no agent asks more than once a second", async (t) => {
  for (const code of ["unreachable", "internal", "sealed", "rate-limited", "malformed", "busy"] as const) {
    const { server, time, start } = createRig(t);
    server.put("a", "one");
    const agent = start({}, { random: (length) => new Uint8Array(length) });
    await time.advance(5000);
    server.failure = new KeywardError(code, "the test says so");
    server.stop();
    server.calls.length = 0;
    server.failure = new KeywardError(code, "the test says so");
    await time.advance(60_000);
    const times = server.calls.map(({ at }) => at);
    assert.ok(times.length > 10, `${code}: ${times.length} calls`);
    assert.equal(mostInASecond(times), 1, code);
    await agent.stop();
  }
});

test("a server that ends each watch at once is not asked more than once a second", async (t) => {
  const { server, time, start } = createRig(t);
  start({}, { random: (length) => new Uint8Array(length) });
  await time.advance(5000);
  server.calls.length = 0;
  for (let i = 0; i < 300; i++) {
    server.refuse("gone to lunch");
    server.start();
    await time.advance(100);
  }
  const asks = server.calls.filter(({ name }) => name !== "agent.report").map(({ at }) => at);
  assert.ok(asks.length > 5);
  assert.equal(mostInASecond(asks), 1);
});

test("a file that can never be put in place does not make the agent ask ever again and again", async (t) => {
  const { server, time, start } = createRig(t);
  server.put("a", "one", { path: "/nonexistent/a" });
  start();
  await time.advance(5000);
  server.calls.length = 0;
  await time.advance(3_600_000);
  const asks = server.calls.filter(({ name }) => name === "agent.bundle").map(({ at }) => at);
  assert.ok(asks.length < 200, `${asks.length} in an hour`);
  assert.equal(mostInASecond(asks), 1);
});

test("many changes within a second are all applied at once, and reported together", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("a", "0");
  start();
  await time.advance(5000);
  server.calls.length = 0;
  for (let i = 1; i <= 20; i++) {
    server.put("a", String(i));
    await time.advance(10);
    assert.equal(read("a.key"), String(i));
  }
  await time.advance(4000);
  assert.equal(server.proved.get("a"), 21);
  assert.ok(server.calls.length <= 3, `${server.calls.length} calls`);
});
