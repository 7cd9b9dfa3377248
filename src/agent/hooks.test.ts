import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createRig } from "../../test/agent/rig.ts";
import { until } from "../../test/agent/until.ts";
import { runProgram } from "../adapters/adapters.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs } from "../base/time.ts";
import { parseKeyName } from "../model/name.ts";
import { hooksOf, scrub } from "./hooks.ts";

test("a hook runs once for a change, after all its files, with the keys in its environment", async (t) => {
  const { server, time, start, ran, keys } = createRig(t);
  const there: boolean[] = [];
  for (const key of ["c", "a", "b"]) server.grants.set(key, granted(key, ["reload", "app"]));
  server.grants.set("d", granted("d", ["reload", "other"]));
  start(
    {},
    {
      run: async (program) => {
        ran.push(program);
        there.push(["a", "b", "c", "d"].every((key) => existsSync(join(keys, key))));
        return { end: { kind: "exited", status: 0 }, output: new Uint8Array() };
      },
    },
  );
  await time.advance(5000);
  assert.deepEqual(
    ran.map(({ argv, environment }) => [argv, environment]),
    [
      [["reload", "app"], { KEYWARD_KEYS: "a b c" }],
      [["reload", "other"], { KEYWARD_KEYS: "d" }],
    ],
  );
  assert.deepEqual(there, [true, true]);
});

test("a hook does not run when nothing changed, nor for another mode, nor after a withdrawal", async (t) => {
  const { server, time, start, ran } = createRig(t);
  server.put("a", "one", { run: ["reload"] });
  const first = start();
  await time.advance(5000);
  server.announce();
  server.put("a", "one", { mode: 0o440 });
  await time.advance(5000);
  await first.stop();
  start();
  await time.advance(5000);
  server.remove("a");
  await time.advance(5000);
  assert.equal(ran.length, 1);
});

test("a hook that fails is reported without its output, the others run, and it is not run again", async (t) => {
  const { server, time, start, ran } = createRig(t, async ({ argv }) => ({
    end: argv[0] === "bad" ? { kind: "exited", status: 3 } : { kind: "exited", status: 0 },
    output: Buffer.from("it said one"),
  }));
  server.put("a", "one", { run: ["bad"] });
  server.put("b", "two", { run: ["good"] });
  start();
  await time.advance(5000);
  assert.deepEqual(
    server.reported.failures.map(({ key, message }) => [key, message]),
    [["a", "hook ended with status 3"]],
  );
  server.announce();
  await time.advance(5000);
  assert.deepEqual(
    ran.map(({ argv }) => argv[0]),
    ["bad", "good"],
  );
});

test("a hook past its time limit is killed and reported", async (t) => {
  const { server, time, start } = createRig(t, runProgram);
  server.put("a", "one", { run: ["sleep", "60"] });
  start({ hookLimit: 200 as DurationMs });
  await until("the failure is reported", () => server.reported.failures.length === 1, time);
  assert.match(server.reported.failures[0]?.message ?? "", /longer than 200ms and was killed/);
});

test("a slow hook holds up neither the next change nor a withdrawal, and runs again for what changed", async (t) => {
  let end = (): void => {};
  let together = 0;
  const { server, time, start, ran, read } = createRig(t, async () => {
    together += 1;
    assert.equal(together, 1, "no hook runs beside another");
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    together -= 1;
    return { end: { kind: "exited", status: 0 }, output: new Uint8Array() };
  });
  server.put("a", "one", { run: ["slow"] });
  server.put("b", "two");
  start();
  await time.advance(3000);
  assert.equal(ran.length, 1);

  server.put("a", "three", { run: ["slow"] });
  server.remove("b");
  await time.advance(3000);
  assert.deepEqual([read("a.key"), read("b.key")], ["three", null]);
  assert.equal(ran.length, 1);

  end();
  await time.advance(3000);
  assert.equal(ran.length, 2);
  end();
  await time.advance(3000);
  assert.equal(ran.length, 2);
});

test("a hook that was under way at the stop runs again on the next start", async (t) => {
  const { server, time, start, ran } = createRig(t, () => new Promise(() => {}));
  server.put("a", "one", { run: ["endless"] });
  const first = start();
  await time.advance(3000);
  assert.equal(ran.length, 1);
  await first.stop();
  start();
  await time.advance(3000);
  assert.equal(ran.length, 2);
});

test("a hook gets no shell: its arguments are what the grant says, to the letter", async (t) => {
  const { server, time, start, keys } = createRig(t, runProgram);
  const out = join(keys, "out");
  server.put("a", "one", { run: ["cp", "--", join(keys, "a.key"), out] });
  server.put("b", "two", { run: ["touch", `${out};id>${out}2`, `${out}$(id)`] });
  start();
  await until("the hooks ran", () => existsSync(`${out}$(id)`), time);
  assert.equal(readFileSync(out, "utf8"), "one");
  assert.equal(existsSync(`${out}2`), false);
});

test("values that a hook prints do not get into the log", async (t) => {
  const value = "-----BEGIN KEY-----\nc3dvcmRmaXNo\nbWFja2VyZWw\n-----END KEY-----\n";
  const { server, time, start, logged, keys } = createRig(t, runProgram);
  server.put("a", value, {
    run: ["sh", "-c", `cat ${keys}/a.key; base64 -w0 ${keys}/a.key; head -2 ${keys}/a.key | tail -1`],
  });
  start();
  await until("the hook ran", () => logged.some(({ message }) => message === "hook ended"), time);
  const text = JSON.stringify(logged);
  assert.doesNotMatch(text, /c3dvcmRmaXNo|bWFja2VyZWw|LS0tLS1CRUdJTiBLRVk/);
  assert.match(text, /\[secret\]/);
});

test("a value at the very end of what is kept of a hook's output is not logged in part", () => {
  const value = "x1y2z3-".repeat(100);
  const cut = `${value.repeat(5)}${value.slice(0, 500)}`;
  assert.doesNotMatch(scrub(cut, [Secret.fromText(value)], true), /x1y2/);
});

test("what a hook prints reaches the log in one line, and not endlessly", () => {
  const text = scrub(`a\u001b[31mb\nc${"d".repeat(10_000)}`, []);
  assert.equal(text.length <= 2048, true);
  assert.match(text, /^a \[31mb cddd/);
});

test("the same arguments are one hook, others are another", () => {
  const a = parseKeyName("a");
  const b = parseKeyName("b");
  const hooks = hooksOf([
    { key: b, run: ["x", "y z"] },
    { key: a, run: ["x", "y z"] },
    { key: a, run: ["x", "y", "z"] },
    { key: a },
  ]);
  assert.deepEqual(hooks, [
    { argv: ["x", "y z"], keys: [a, b] },
    { argv: ["x", "y", "z"], keys: [a] },
  ]);
});

function granted(key: string, run: string[]) {
  const delivery = { kind: "file", path: key, mode: 0o400, offline: "never", run } as const;
  return { grant: key, key, version: 1, value: key, delivery: { ...delivery, run } };
}
