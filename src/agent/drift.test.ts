import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createRig } from "../../test/agent/rig.ts";
import { until } from "../../test/agent/until.ts";
import { statIfThere } from "../../test/waiting.ts";

async function withKey(t: TestContext, delivery: { offline?: number; run?: string[] } = {}) {
  const rig = createRig(t);
  rig.server.put("app/a", "one", { path: "app/a.key", ...delivery });
  rig.start();
  await rig.time.advance(5000);
  return { ...rig, path: join(rig.keys, "app/a.key") };
}

test("a file that was changed is put right within moments, and reported", async (t) => {
  const { server, time, read, path } = await withKey(t);
  chmodSync(path, 0o600);
  writeFileSync(path, "tampered");
  await until("the file is repaired", () => read("app/a.key") === "one", time);
  await until("drift is reported", () => server.reported.drift.length > 0, time);
  assert.equal(statSync(path).mode & 0o777, 0o400);
  assert.deepEqual(server.reported.drift[0], { key: "app/a", path, found: "changed", repaired: true });
});

test("a file that was removed comes back, and so does its directory", async (t) => {
  const { server, time, read, keys, path } = await withKey(t);
  rmSync(path);
  await until("the file is back", () => read("app/a.key") === "one", time);
  await until("drift is reported", () => server.reported.drift.length === 1, time);
  assert.equal(server.reported.drift[0]?.found, "removed");
  rmSync(join(keys, "app"), { recursive: true });
  await until("the directory is back", () => read("app/a.key") === "one", time);
  rmSync(path);
  await until("the new directory is watched too", () => read("app/a.key") === "one", time);
});

test("another mode is put right without asking the server", async (t) => {
  const { server, time, path } = await withKey(t);
  server.calls.length = 0;
  chmodSync(path, 0o644);
  await until("the mode is right", () => ((statIfThere(path)?.mode ?? 0) & 0o777) === 0o400, time);
  await until("drift is reported", () => server.reported.drift.length === 1, time);
  assert.equal(
    server.calls.some(({ name }) => name === "agent.bundle"),
    false,
  );
});

test("another owner is put right, where the agent may do so", async (t) => {
  const { server, time, path } = await withKey(t);
  if (process.getuid?.() === 0) {
    chownSync(path, 12_345, 12_345);
    await until("the owner is right", () => statIfThere(path)?.uid === 0, time);
    await until("drift is reported", () => server.reported.drift.length === 1, time);
  } else assert.throws(() => chownSync(path, 12_345, 12_345));
});

test("a file that was replaced by a link to elsewhere is reported, and elsewhere is not touched", async (t) => {
  const { server, time, keys, path } = await withKey(t);
  writeFileSync(join(keys, "elsewhere"), "precious");
  rmSync(path);
  symlinkSync(join(keys, "elsewhere"), path);
  await until("drift is reported", () => server.reported.drift.some(({ repaired }) => !repaired), time);
  assert.equal(statSync(join(keys, "elsewhere")).size, 8);
  rmSync(path);
  await until("it is repaired once the link is gone", () => statIfThere(path)?.size === 3, time);
});

test("without a server a file is repaired from what is kept for its absence", async (t) => {
  const { server, time, read, path } = await withKey(t, { offline: 3_600_000 });
  server.stop();
  await time.advance(5000);
  rmSync(path);
  await until("the file is back", () => read("app/a.key") === "one", time);
  server.start();
  await until("drift is reported", () => server.reported.drift.length === 1, time);
});

test("without a server and without a copy it is repaired and reported when the server is back", async (t) => {
  const { server, time, read, path } = await withKey(t);
  server.stop();
  await time.advance(5000);
  rmSync(path);
  await time.advance(120_000);
  assert.equal(read("app/a.key"), null);
  server.start();
  await until("the file is back", () => read("app/a.key") === "one", time);
  await until("drift is reported", () => server.reported.drift.length === 1, time);
});

test("what changed while no agent ran is found at its start", async (t) => {
  const rig = createRig(t);
  rig.server.put("a", "one");
  const first = rig.start();
  await rig.time.advance(5000);
  await first.stop();
  const path = join(rig.keys, "a.key");
  chmodSync(path, 0o600);
  writeFileSync(path, "tampered");
  rig.start();
  await rig.time.advance(5000);
  assert.equal(rig.read("a.key"), "one");
  assert.deepEqual(rig.server.reported.drift, [{ key: "a", path, found: "changed", repaired: true }]);
});

test("what the kernel does not tell is found by looking now and then", async (t) => {
  const { server, time, read, keys, path } = await withKey(t);
  // A change far below, of a directory that is not watched itself.
  renameSync(keys, `${keys}-aside`);
  rmSync(join(`${keys}-aside`, "app/a.key"));
  renameSync(`${keys}-aside`, keys);
  await time.advance(61_000);
  await until("the file is back", () => read("app/a.key") === "one", time);
  assert.equal(existsSync(path), true);
  await until("drift is reported", () => server.reported.drift.length === 1, time);
});

test("the hook runs after a repair of the content, and not after one of the mode", async (t) => {
  const { ran, time, read, path } = await withKey(t, { run: ["reload"] });
  assert.equal(ran.length, 1);
  chmodSync(path, 0o644);
  await until("the mode is right", () => ((statIfThere(path)?.mode ?? 0) & 0o777) === 0o400, time);
  await time.advance(1000);
  assert.equal(ran.length, 1);
  rmSync(path);
  await until("the file is back", () => read("app/a.key") === "one", time);
  await until("the hook ran", () => ran.length === 2, time);
});

test("a file that becomes someone else's is not emptied when the key is withdrawn", async (t) => {
  const { server, time, read, keys, path } = await withKey(t);
  writeFileSync(join(keys, "foreign"), "someone else's");
  server.failure = null;
  renameSync(join(keys, "foreign"), path);
  server.remove("app/a");
  await time.settle();
  assert.equal(read("app/a.key"), "someone else's");
  await until("it is reported as withdrawn", () => server.reported.withdrawn.length === 1, time);
});

test("a key directory that was removed as a whole is made again, with its files", async (t) => {
  const { time, read, keys } = await withKey(t);
  rmSync(keys, { recursive: true });
  await time.advance(61_000);
  await until("the file is back", () => read("app/a.key") === "one", time);
  assert.equal(statSync(keys).mode & 0o7777, 0o700);
});

test("a file that can never be put in place does not hold up the repair of another", async (t) => {
  const { server, time, read, path } = await withKey(t);
  server.put("b", "two", { path: "/nonexistent/b" });
  await time.advance(3_600_000);
  rmSync(path);
  await until("the file is back", () => read("app/a.key") === "one", {
    ...time,
    advance: () => time.advance(20),
  });
});
