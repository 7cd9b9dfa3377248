import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NODE } from "../../test/agent/fake-server.ts";
import { createRig } from "../../test/agent/rig.ts";
import { until } from "../../test/agent/until.ts";
import { KeywardError } from "../base/errors.ts";

test("an agent enrols, and the keys that it is granted arrive, are replaced and are withdrawn", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("db/password", "one");
  start();
  await time.advance(5000);
  assert.equal(read("db/password.key"), "one");
  server.put("db/password", "two");
  await time.advance(10);
  assert.equal(read("db/password.key"), "two");
  server.remove("db/password");
  await time.advance(10);
  assert.equal(read("db/password.key"), null);
});

test("what it holds is proved under the bundle's challenge, and what it lost is reported as withdrawn", async (t) => {
  const { server, time, start } = createRig(t);
  server.put("a", "one");
  server.put("b", "two");
  start();
  await time.advance(5000);
  assert.deepEqual(
    [...server.proved],
    [
      ["a", 1],
      ["b", 1],
    ],
  );
  server.put("a", "three");
  server.remove("b");
  await time.advance(5000);
  assert.deepEqual(server.proved.get("a"), 2);
  assert.deepEqual(server.reported.withdrawn, [{ key: "b", version: 1 }]);
  assert.deepEqual(server.refusedProofs, []);
});

test("after a restart it says what it holds, gets no value for that, and proves it anew", async (t) => {
  const { server, time, start, logged } = createRig(t);
  server.put("a", "one");
  const first = start();
  await time.advance(5000);
  await first.stop();
  server.proved.clear();
  logged.length = 0;
  start();
  await time.advance(5000);
  assert.deepEqual([...server.proved], [["a", 1]]);
  assert.equal(
    logged.some(({ message }) => message === "installed"),
    false,
  );
});

test("a grant's new path moves the file, without a value from the server", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("a", "one");
  start();
  await time.advance(5000);
  server.put("a", "one", { path: "elsewhere/a.key" });
  await time.advance(5000);
  assert.deepEqual([read("elsewhere/a.key"), read("a.key")], ["one", null]);
  assert.deepEqual(server.reported.withdrawn, []);
  assert.deepEqual(
    server.calls.filter(({ name }) => name === "agent.bundle"),
    [],
  );
});

test("a key that two grants put at two paths lies at both, and is withdrawn when both are gone", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("a", "one");
  server.put("a", "one", { path: "second" }, "g-second");
  start();
  await time.advance(5000);
  assert.deepEqual([read("a.key"), read("second")], ["one", "one"]);
  server.grants.delete("g-second");
  server.announce();
  await time.advance(5000);
  assert.deepEqual([read("a.key"), read("second"), server.reported.withdrawn], ["one", null, []]);
  server.remove("a");
  await time.advance(5000);
  assert.deepEqual(server.reported.withdrawn, [{ key: "a", version: 1 }]);
});

test("a path that goes from one key to another is replaced, and the first key is reported as withdrawn", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("a", "one", { path: "shared" });
  start();
  await time.advance(5000);
  server.grants.clear();
  server.put("b", "two", { path: "shared" });
  await time.advance(5000);
  assert.equal(read("shared"), "two");
  assert.deepEqual(server.reported.withdrawn, [{ key: "a", version: 1 }]);
  assert.equal(server.proved.get("b"), 1);
});

test("one file that cannot be put in place is reported, and the others arrive", async (t) => {
  const { server, time, start, read, keys } = createRig(t);
  server.put("a", "one", { path: `${keys}/../nowhere` });
  server.put("b", "two", { path: "/nonexistent/b.key" });
  server.put("c", "three", { owner: "no-such-user" });
  server.put("d", "four");
  start();
  await until("the failures are reported", () => server.reported.failures.length >= 3, time);
  assert.equal(read("d.key"), "four");
  const failures = new Map(server.reported.failures.map(({ key, message }) => [key, message]));
  assert.match(failures.get("a") ?? "", /path .*: want/);
  assert.match(failures.get("b") ?? "", /\/nonexistent: does not exist/);
  assert.match(failures.get("c") ?? "", /user "no-such-user": not known/);
  assert.equal(failures.has("d"), false);
});

test("what failed is tried again, and arrives once the obstacle is gone", async (t) => {
  const { server, time, start, read, keys } = createRig(t);
  mkdirSync(join(keys, "a.key"), { recursive: true, mode: 0o700 });
  server.put("a", "one");
  start();
  await time.advance(5000);
  assert.match(server.reported.failures[0]?.message ?? "", /a.key: is a directory/);
  rmdirSync(join(keys, "a.key"));
  await time.advance(10_000);
  assert.equal(read("a.key"), "one");
  assert.equal(server.proved.get("a"), 1);
});

test("a key is not put into the agent's own state directory", async (t) => {
  const { server, time, start, state } = createRig(t);
  server.put("a", "one", { path: join(state, "identity.pem") });
  start();
  await time.advance(5000);
  assert.match(server.reported.failures[0]?.message ?? "", /own state directory/);
  assert.match(readFileSync(join(state, "identity.pem"), "utf8"), /PRIVATE KEY/);
});

test("a symbolic link on a grant's path is reported, and nothing is written behind it", async (t) => {
  const { server, time, start, keys } = createRig(t);
  mkdirSync(join(keys, "real"), { recursive: true, mode: 0o700 });
  symlinkSync(join(keys, "real"), join(keys, "link"));
  server.put("a", "one", { path: "link/a.key" });
  start();
  await time.advance(5000);
  assert.match(server.reported.failures[0]?.message ?? "", /link: is a symbolic link/);
  assert.deepEqual(readdirSync(join(keys, "real")), []);
});

test("a revoked node loses everything on its last line, and comes back only slowly", async (t) => {
  const { server, time, start, read, state } = createRig(t);
  server.put("a", "one", { offline: 3_600_000 });
  start();
  await time.advance(5000);
  assert.ok(existsSync(join(state, "bundle.sealed")));
  server.refuse("revoked");
  await time.advance(10);
  assert.equal(read("a.key"), null);
  const before = server.calls.length;
  await time.advance(600_000);
  assert.ok(server.calls.length - before <= 21, `${server.calls.length - before} calls in ten minutes`);
  assert.equal(existsSync(join(state, "bundle.sealed")), false);
});

test("a node that was revoked while it was away loses everything at the next refusal", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("a", "one", { offline: 3_600_000 });
  start();
  await time.advance(5000);
  server.stop();
  await time.advance(5000);
  server.refuse("revoked");
  assert.equal(read("a.key"), "one");
  await time.advance(120_000);
  assert.equal(read("a.key"), null);
});

test("a frozen node keeps its files, comes back slowly, and goes on after the thaw", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("a", "one");
  start();
  await time.advance(5000);
  server.refuse("frozen");
  const before = server.calls.length;
  await time.advance(600_000);
  assert.equal(read("a.key"), "one");
  assert.ok(server.calls.length - before <= 21, `${server.calls.length - before} calls in ten minutes`);
  server.start();
  server.put("a", "two");
  await time.advance(120_000);
  assert.equal(read("a.key"), "two");
});

test("the server's new CA certificates are kept before the old ones end", async (t) => {
  const { server, time, start, state } = createRig(t);
  start();
  await time.advance(5000);
  const [old] = server.ca;
  const next = old?.replace("MII", "MIJ") ?? "";
  server.ca = [next, old ?? ""];
  server.announce();
  await time.advance(10);
  assert.equal(readFileSync(join(state, "ca.pem"), "utf8"), `${next}${old}`);
});

test("facts are reported once, and again when they change", async (t) => {
  const { server, time, start, host } = createRig(t);
  start();
  await time.advance(5000);
  await time.advance(600_000);
  host.facts = { hostname: "renamed" };
  await time.advance(120_000);
  const told = server.reports.flatMap(({ facts }) => facts ?? []);
  assert.deepEqual(told, [
    { hostname: "db1.example", agent: "0.0.0-test" },
    { hostname: "renamed", agent: "0.0.0-test" },
  ]);
});

test("a key directory on a disk brings a warning", async (t) => {
  const { time, start, logged, keys } = createRig(t);
  start();
  await time.advance(10);
  const warned = logged.some(({ message }) => /not in memory/.test(message));
  const onDisk = ![0x01021994, 0x858458f6].includes(statSync(keys) && statfsSync(keys).type);
  assert.equal(warned, onDisk);
});

test("the key directory and the state directory are made with mode 0700", async (t) => {
  const { time, start, keys, state } = createRig(t);
  start();
  await time.advance(5000);
  assert.equal(statSync(keys).mode & 0o7777, 0o700);
  assert.equal(statSync(state).mode & 0o7777, 0o700);
  for (const name of readdirSync(state)) assert.equal(statSync(join(state, name)).mode & 0o077, 0, name);
});

test("a key directory that others may write in is refused", async (t) => {
  const { start, keys } = createRig(t);
  mkdirSync(keys, { recursive: true });
  chmodSync(keys, 0o777);
  await assert.rejects(start().done, /others may write in it/);
});

test("a second agent with the same state directory is refused, and the first goes on", async (t) => {
  const { server, time, start, read } = createRig(t);
  start();
  await time.advance(5000);
  await assert.rejects(start().done, { code: "busy" });
  server.put("a", "one");
  await time.advance(10);
  assert.equal(read("a.key"), "one");
});

test("no value and no token is ever logged, and none lies in the state directory", async (t) => {
  const { server, time, start, logged, state } = createRig(t);
  server.put("a", "swordfish-canary");
  server.put("b", "swordfish-canary", { path: "/nonexistent/b" });
  server.put("c", "swordfish-canary", { offline: 60_000, run: ["reload"] });
  start();
  await time.advance(60_000);
  assert.doesNotMatch(JSON.stringify(logged), /swordfish|join-me/);
  assert.doesNotMatch(JSON.stringify(server.reports), /swordfish/);
  for (const name of readdirSync(state))
    assert.equal(readFileSync(join(state, name), "latin1").includes("swordfish"), false, name);
});

test("once: asks, applies, reports and ends", async (t) => {
  const { server, time, once, read } = createRig(t);
  server.put("a", "one");
  server.put("b", "two", { path: "/nonexistent/b" });
  const doing = once();
  await time.advance(10_000);
  const { installed, failures } = await doing;
  assert.deepEqual([installed, failures.length, read("a.key"), server.proved.get("a")], [1, 1, "one", 1]);
  assert.equal(server.openConnections, 0);
});

test("once: without a server says so, after installing what may be used", async (t) => {
  const { server, time, once, read, keys } = createRig(t);
  server.put("a", "one", { offline: 3_600_000 });
  const first = once();
  await time.advance(10_000);
  await first;
  writeFileSync(join(keys, "a.key"), "");
  server.stop();
  const second = once();
  second.catch(() => {});
  await time.advance(10_000);
  await assert.rejects(second, { code: "unreachable" });
  assert.equal(read("a.key"), "one");
});

test("once: of a node that awaits approval names the next step", async (t) => {
  const { server, time, once } = createRig(t);
  server.pending = true;
  const doing = once({
    joining: { address: "https://keys.example", fingerprint: server.fingerprint, name: NODE },
  });
  doing.catch(() => {});
  await time.advance(10_000);
  await assert.rejects(doing, (error: KeywardError) => {
    assert.equal(error.code, "denied");
    return /keyward node approve db1 --fingerprint f{64}/.test(error.hint ?? "");
  });
});

test("an agent that is told where it may put files puts them nowhere else, and says so", async (t) => {
  const { server, time, start, keys, state, read } = createRig(t);
  const [allowed, other] = [join(keys, "../allowed"), join(keys, "../allowed-not")];
  for (const directory of [allowed, other]) mkdirSync(directory);
  server.put("a", "one", { path: "a.key" });
  server.put("b", "two", { path: join(allowed, "b.key") });
  server.put("c", "three", { path: join(other, "c.key"), offline: 3_600_000 });
  server.put("d", "four", { path: join(state, "d.key") });
  const free = start();
  await time.advance(5000);
  assert.equal(existsSync(join(other, "c.key")), true);
  await free.stop();
  const held = start({ onlyBelow: [`${allowed}/`] });
  await time.advance(5000);
  assert.equal(read("a.key"), "one");
  assert.equal(existsSync(join(allowed, "b.key")), true);
  assert.equal(existsSync(join(other, "c.key")), false);
  const messages = server.reported.failures.map(({ key, message }) => `${key}: ${message}`);
  assert.ok(messages.some((one) => /^c: this agent puts nothing there/.test(one)));
  assert.ok(messages.some((one) => /^d: the path lies in the agent's own/.test(one)));
  await held.stop();
});

test("what was kept for the server's absence is held to these places too", async (t) => {
  const { server, time, start, keys } = createRig(t);
  const other = join(keys, "../other");
  mkdirSync(other);
  server.put("c", "three", { path: join(other, "c.key"), offline: 3_600_000 });
  const free = start();
  await time.advance(5000);
  await free.stop();
  server.failure = new KeywardError("unreachable", "no server");
  rmSync(join(other, "c.key"));
  const held = start({ onlyBelow: [] });
  await time.advance(10_000);
  assert.equal(existsSync(join(other, "c.key")), false);
  await held.stop();
});
