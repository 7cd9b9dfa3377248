/** Derived keys on a node: made from its own seed, put in place like any other key, proved, and made again. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createRig } from "../../test/agent/rig.ts";
import { contentOf, createTestSeed, rootPassword, seedOf, sshHost } from "../../test/agent/seed-for-test.ts";

async function setUp(t: TestContext) {
  const seed = createTestSeed(t);
  await seed.put(1);
  const rig = createRig(t);
  const parts = { seed: seed.source };
  return { ...rig, seed, parts, start: () => rig.start({}, parts), once: () => rig.once({}, parts) };
}

test("a derived key is made from the node's seed, put in place, and proved", async (t) => {
  const { server, time, start, read } = await setUp(t);
  server.derive("ssh/host", sshHost);
  server.derive("root/password", rootPassword);
  start();
  await time.advance(5000);
  assert.equal(read("ssh/host.key"), await contentOf(1, sshHost, 1));
  assert.equal(read("root/password.key"), await contentOf(1, rootPassword, 1));
  assert.deepEqual([...server.proved].sort(), [
    ["root/password", 1],
    ["ssh/host", 1],
  ]);
  assert.deepEqual(server.refusedProofs, []);
});

test("the next version is another value, with its hook", async (t) => {
  const { server, time, start, read, ran } = await setUp(t);
  server.derive("root/password", rootPassword, { run: ["reload"] });
  start();
  await time.advance(5000);
  server.derive("root/password", rootPassword);
  await time.advance(5000);
  assert.equal(read("root/password.key"), await contentOf(1, rootPassword, 2));
  assert.equal(server.proved.get("root/password"), 2);
  assert.equal(ran.length, 2);
});

test("the seed is not opened when there is nothing to derive", async (t) => {
  const { server, time, start, seed } = await setUp(t);
  server.put("a", "one");
  start();
  await time.advance(5000);
  assert.equal(seed.opened, 0);
});

test("a node without a seed says so with the next step, does all else, and catches up once it has one", async (t) => {
  const { server, time, start, read, seed } = await setUp(t);
  seed.remove();
  server.put("a", "one");
  server.derive("ssh/host", sshHost);
  start();
  await time.advance(5000);
  assert.equal(read("a.key"), "one");
  assert.equal(read("ssh/host.key"), null);
  const [failure] = server.reported.failures;
  assert.equal(failure?.key, "ssh/host");
  assert.match(failure?.message ?? "", /^this node has no seed: .*keyward seed install$/);
  await seed.put(1);
  await time.advance(600_000);
  assert.equal(read("ssh/host.key"), await contentOf(1, sshHost, 1));
  assert.equal(server.proved.get("ssh/host"), 1);
});

test("an agent that was given no seed derives nothing", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.derive("ssh/host", sshHost);
  start();
  await time.advance(5000);
  assert.equal(read("ssh/host.key"), null);
  assert.match(server.reported.failures[0]?.message ?? "", /derives no keys/);
});

test("the node's own realms are never put into a file, whatever the server says", async (t) => {
  const { server, time, start, read } = await setUp(t);
  const derivation = { ...sshHost.derivation, realm: "keyward/identity" };
  server.derive("identity", { ...sshHost, derivation });
  start();
  await time.advance(5000);
  assert.equal(read("identity.key"), null);
  assert.match(server.reported.failures[0]?.message ?? "", /the node's own/);
});

test("what no seed derives is a failure, and the others are made", async (t) => {
  const { server, time, start, read } = await setUp(t);
  const derivation = { ...sshHost.derivation, scheme: "gokey-0.2" as const };
  server.derive("old", { ...sshHost, derivation });
  server.derive("odd", { ...sshHost, derivation: { ...sshHost.derivation, scheme: "other" as "keyward-1" } });
  server.derive("ssh/host", sshHost);
  start();
  await time.advance(5000);
  assert.equal(read("ssh/host.key"), await contentOf(1, sshHost, 1));
  const messages = server.reported.failures.map(({ key, message }) => `${key}: ${message}`);
  assert.ok(
    messages.some((one) => /^old: .*scheme gokey-0.2/.test(one)),
    messages.join("\n"),
  );
  assert.ok(
    messages.some((one) => /^odd: derived key: scheme/.test(one)),
    messages.join("\n"),
  );
});

test("a file that was changed or removed is made again, without the server", async (t) => {
  const { server, time, start, read, keys } = await setUp(t);
  server.derive("root/password", rootPassword);
  start();
  await time.advance(5000);
  server.stop();
  const file = join(keys, "root/password.key");
  chmodSync(file, 0o600);
  writeFileSync(file, "mine");
  await time.advance(70_000);
  assert.equal(read("root/password.key"), await contentOf(1, rootPassword, 1));
  rmSync(file);
  await time.advance(70_000);
  assert.equal(read("root/password.key"), await contentOf(1, rootPassword, 1));
});

test("after a restart without a server a lost file is made again; nothing of it was kept", async (t) => {
  const { server, time, start, read, keys, state } = await setUp(t);
  server.derive("root/password", rootPassword, { offline: 3_600_000 });
  const first = start();
  await time.advance(5000);
  await first.stop();
  const value = await contentOf(1, rootPassword, 1);
  for (const name of ["installed.json", "identity.pem", "server.json"])
    assert.ok(!readFileSync(join(state, name), "utf8").includes(value));
  server.stop();
  rmSync(join(keys, "root/password.key"));
  start();
  await time.advance(10_000);
  assert.equal(read("root/password.key"), value);
});

test("after a reboot without a server it is made again for as long as its grant allows", async (t) => {
  const { server, time, start, read, keys, host: machine } = await setUp(t);
  server.derive("root/password", rootPassword, { offline: 3_600_000 });
  server.derive("ssh/host", sshHost);
  const first = start();
  await time.advance(5000);
  await first.stop();
  server.stop();
  machine.boot = "boot-2";
  rmSync(join(keys, "root"), { recursive: true });
  start();
  await time.advance(10_000);
  assert.equal(read("root/password.key"), await contentOf(1, rootPassword, 1));
  assert.equal(read("ssh/host.key"), null);
  await time.advance(3_600_000);
  assert.equal(read("root/password.key"), null);
});

test("a grant that is gone withdraws it, and the server hears of it", async (t) => {
  const { server, time, start, read } = await setUp(t);
  server.derive("ssh/host", sshHost);
  start();
  await time.advance(5000);
  server.remove("ssh/host");
  await time.advance(5000);
  assert.equal(read("ssh/host.key"), null);
  assert.deepEqual(server.reported.withdrawn, [{ key: "ssh/host", version: 1 }]);
});

test("another seed makes everything anew within a look, runs the hooks, and says its generation", async (t) => {
  const { server, time, start, read, seed, ran } = await setUp(t);
  server.derive("root/password", rootPassword, { run: ["reload"] });
  server.derive("ssh/host", sshHost);
  start();
  await time.advance(5000);
  server.reports.length = 0;
  await seed.put(2, 2);
  await time.advance(70_000);
  assert.equal(read("root/password.key"), await contentOf(2, rootPassword, 1));
  assert.equal(read("ssh/host.key"), await contentOf(2, sshHost, 1));
  assert.equal(ran.length, 2);
  const { id } = seedOf(2);
  const shown = server.reported.proofs.map((proof) => [proof.shown?.seed, proof.shown?.generation]);
  assert.deepEqual(shown, [
    [id, 2],
    [id, 2],
  ]);
  assert.deepEqual(server.refusedProofs, []);
});

test("another seed that came while the agent was away is found at its start", async (t) => {
  const { server, time, start, read, seed } = await setUp(t);
  server.derive("ssh/host", sshHost);
  const first = start();
  await time.advance(5000);
  await first.stop();
  await seed.put(2, 2);
  start();
  await time.advance(5000);
  assert.equal(read("ssh/host.key"), await contentOf(2, sshHost, 1));
});

test("once, for cron: a derived key is made and proved", async (t) => {
  const { server, once, read, time } = await setUp(t);
  server.derive("ssh/host", sshHost);
  const doing = once();
  await time.advance(5000);
  const summary = await doing;
  assert.deepEqual([summary.installed, summary.failures.length], [1, 0]);
  assert.equal(read("ssh/host.key"), await contentOf(1, sshHost, 1));
  assert.equal(server.proved.get("ssh/host"), 1);
});

test("once, after the seed was rotated: all is made anew, and proved under the new generation", async (t) => {
  const { server, once, start, read, time, seed } = await setUp(t);
  server.derive("ssh/host", sshHost);
  const first = start();
  await time.advance(5000);
  await first.stop();
  await seed.put(2, 2);
  server.reports.length = 0;
  const doing = once();
  await time.advance(5000);
  await doing;
  assert.equal(read("ssh/host.key"), await contentOf(2, sshHost, 1));
  assert.deepEqual(
    server.reported.proofs.map(({ shown }) => shown?.generation),
    [2],
  );
});
