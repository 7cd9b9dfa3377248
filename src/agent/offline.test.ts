import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createRig } from "../../test/agent/rig.ts";

const HOUR = 3_600_000;

/** A node that has a key for an hour without a server, and one that it may never start with. */
async function connectedOnce(t: TestContext) {
  const rig = createRig(t);
  rig.server.put("hour", "one", { offline: HOUR });
  rig.server.put("never", "two");
  const agent = rig.start();
  await rig.time.advance(5000);
  return { ...rig, agent };
}

/** As a reboot does to what lies in memory. */
function reboot({ keys, host }: { keys: string; host: { boot: string } }): void {
  rmSync(keys, { recursive: true });
  host.boot = `${host.boot}+`;
}

test("after a reboot without a server, keys with a duration are there and others are not", async (t) => {
  const rig = await connectedOnce(t);
  await rig.agent.stop();
  reboot(rig);
  rig.server.stop();
  rig.start();
  await rig.time.advance(5000);
  assert.deepEqual([rig.read("hour.key"), rig.read("never.key")], ["one", null]);
});

test("they are there at once when the server refuses connections, and after three seconds when it is silent", async (t) => {
  const rig = await connectedOnce(t);
  await rig.agent.stop();
  reboot(rig);
  rig.server.hangs = true;
  const silent = rig.start();
  await rig.time.advance(2900);
  assert.equal(rig.read("hour.key"), null);
  await rig.time.advance(200);
  assert.equal(rig.read("hour.key"), "one");
  await silent.stop();
  reboot(rig);
  rig.server.hangs = false;
  rig.server.stop();
  rig.start();
  await rig.time.advance(1);
  assert.equal(rig.read("hour.key"), "one");
});

test("a duration counts from when the server was last heard of, and the file goes when it has passed", async (t) => {
  const { server, time, read } = await connectedOnce(t);
  await time.advance(10 * HOUR);
  assert.equal(read("hour.key"), "one");
  server.stop();
  await time.advance(HOUR - 120_000);
  assert.deepEqual([read("hour.key"), read("never.key")], ["one", "two"]);
  await time.advance(180_000);
  assert.deepEqual([read("hour.key"), read("never.key")], [null, "two"]);
  server.start();
  await time.advance(120_000);
  assert.equal(read("hour.key"), "one");
});

test("the duration goes on across a restart and a reboot, and is not started anew by them", async (t) => {
  const rig = await connectedOnce(t);
  rig.server.stop();
  await rig.agent.stop();
  await rig.time.advance(HOUR - 60_000);
  reboot(rig);
  rig.start();
  await rig.time.advance(10_000);
  assert.equal(rig.read("hour.key"), "one");
  await rig.time.advance(60_000);
  assert.equal(rig.read("hour.key"), null);
});

test("a start after the duration has passed installs nothing", async (t) => {
  const rig = await connectedOnce(t);
  rig.server.stop();
  await rig.agent.stop();
  await rig.time.advance(HOUR + 120_000);
  reboot(rig);
  rig.start();
  await rig.time.advance(10_000);
  assert.equal(rig.read("hour.key"), null);
});

test("what may be used for an hour is written down often enough that a power cut loses little of it", async (t) => {
  const rig = await connectedOnce(t);
  await rig.time.advance(5 * HOUR);
  // No clean stop: what the files say now is what a power cut leaves.
  const kept = readFileSync(join(rig.state, "bundle.sealed"));
  rig.server.stop();
  await rig.agent.stop();
  writeFileSync(join(rig.state, "bundle.sealed"), kept);
  reboot(rig);
  await rig.time.advance(HOUR / 2);
  rig.start();
  await rig.time.advance(5000);
  assert.equal(rig.read("hour.key"), "one");
});

test("a restart of the agent alone leaves the files where they are, with a server or without", async (t) => {
  const { server, time, read, agent, start } = await connectedOnce(t);
  server.stop();
  await agent.stop();
  start();
  await time.advance(60_000);
  assert.deepEqual([read("hour.key"), read("never.key")], ["one", "two"]);
});

test("after a reboot, a file on a disk that may never be used without a server goes at once, and comes back with it", async (t) => {
  const rig = await connectedOnce(t);
  await rig.agent.stop();
  rig.host.boot = "boot-2";
  rig.server.hangs = true;
  const silent = rig.start();
  await rig.time.settle();
  assert.deepEqual([rig.read("hour.key"), rig.read("never.key")], ["one", null]);
  await silent.stop();
  rig.server.hangs = false;
  rig.start();
  await rig.time.advance(5000);
  assert.equal(rig.read("never.key"), "two");
});

test("a bundle that was carried to another machine, or changed, is of no use, and no obstacle", async (t) => {
  const rig = await connectedOnce(t);
  await rig.agent.stop();
  reboot(rig);
  rig.host.machine = "fedcba9876543210";
  rig.server.stop();
  const elsewhere = rig.start();
  await rig.time.advance(5000);
  assert.equal(rig.read("hour.key"), null);
  const warnings = rig.logged.filter(({ message }) => message === "the offline bundle is of no use");
  assert.equal(warnings.length, 1);
  rig.server.start();
  await rig.time.advance(60_000);
  assert.equal(rig.read("hour.key"), "one");
  await elsewhere.stop();
});

test("a clock that was set back far behind the last contact is not believed", async (t) => {
  const rig = await connectedOnce(t);
  rig.server.stop();
  await rig.agent.stop();
  reboot(rig);
  rig.start({}, { clock: () => (rig.time.clock() - 24 * HOUR) as ReturnType<typeof rig.time.clock> });
  await rig.time.advance(10_000);
  assert.equal(rig.read("hour.key"), null);
});

test("when no key may be used without a server any more, no bundle is kept", async (t) => {
  const { server, time, state } = await connectedOnce(t);
  assert.equal(existsSync(join(state, "bundle.sealed")), true);
  server.put("hour", "one", { offline: "never" });
  await time.advance(5000);
  assert.equal(existsSync(join(state, "bundle.sealed")), false);
});

test("the newest version is the one that is kept", async (t) => {
  const rig = await connectedOnce(t);
  rig.server.put("hour", "newer");
  await rig.time.advance(5000);
  rig.server.stop();
  await rig.agent.stop();
  reboot(rig);
  rig.start();
  await rig.time.advance(5000);
  assert.equal(rig.read("hour.key"), "newer");
});

test("a key that was withdrawn does not come back from the bundle", async (t) => {
  const rig = await connectedOnce(t);
  rig.server.remove("hour");
  await rig.time.advance(5000);
  rig.server.stop();
  await rig.agent.stop();
  rig.host.boot = "boot-2";
  rig.start();
  await rig.time.advance(5000);
  assert.equal(rig.read("hour.key"), null);
});
