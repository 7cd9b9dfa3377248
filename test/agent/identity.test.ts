/** A node known by its seed, with the real server over TLS: what a new seed does to one that is running. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createAccounts } from "../../src/adapters/accounts/accounts.ts";
import { runProgram } from "../../src/adapters/adapters.ts";
import { createHost } from "../../src/adapters/host/host.ts";
import { createAgent, systemWait } from "../../src/agent/agent.ts";
import { Secret } from "../../src/base/secret.ts";
import { type DurationMs, systemClock } from "../../src/base/time.ts";
import { createClient } from "../../src/client/client.ts";
import { pinServer } from "../../src/client/pin.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { startTestServer } from "../../src/server/server-for-test.ts";
import { readIfThere } from "../waiting.ts";
import { contentOf, createTestSeed, rootPassword, sshHost } from "./seed-for-test.ts";
import { until } from "./until.ts";

async function setUp(t: TestContext) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "keyward-identity-")));
  const server = await startTestServer();
  const admin = await server.operator("admin");
  const seed = createTestSeed(t);
  await seed.put(1);
  const { certificates } = await server.client().call("ca.show", {});
  const { token } = await admin.call("joinToken.create", { body: { node: "db1" } });
  let ended = new AbortController();
  const running = new Set<Promise<void>>();
  const stop = async (): Promise<void> => {
    ended.abort();
    await Promise.allSettled(running);
    running.clear();
  };
  t.after(async () => {
    await stop();
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  });
  const logged: string[] = [];
  const note = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);

  /** @param machine - Its directory: each has a disk of its own. */
  function start(machine = "one"): void {
    if (ended.signal.aborted) ended = new AbortController();
    const agent = createAgent(
      {
        keyDirectory: join(root, machine, "keys"),
        stateDirectory: join(root, machine, "state"),
        identity: "derived",
        joining: {
          address: server.address,
          fingerprint: certificates[0]?.fingerprint ?? "",
          name: "db1",
          token: Secret.fromText(token),
        },
        version: "0.0.0-test",
        lookEvery: 100 as DurationMs,
      },
      {
        connect: createClient,
        pin: pinServer,
        clock: systemClock,
        random: systemRandom,
        // What is looked at every minute is looked at ten times a second.
        wait: (ms, signal) => systemWait(Math.min(ms, 100), signal),
        host: createHost(),
        accounts: createAccounts(),
        run: runProgram,
        seed: seed.source,
        log: { info: note, warn: note, error: note },
      },
    );
    const run = agent.run(ended.signal);
    running.add(run);
    run.catch((error: unknown) => logged.push(String(error)));
  }

  const read = (path: string): string => readIfThere(join(root, path)) ?? "";
  const show = async () => (await admin.call("node.show", { path: { name: "db1" } })).node;
  const proofs = async () => {
    const { events } = await admin.call("audit.list", { query: { resource: "db1" } });
    return events.filter(({ action }) => action === "node:report").map(({ detail }) => detail ?? {});
  };
  return { admin, seed, root, start, stop, read, show, proofs, logged };
}

async function grant(admin: Awaited<ReturnType<typeof setUp>>["admin"]): Promise<void> {
  for (const [name, derived, path] of [
    ["ssh/host", sshHost, "ssh_host"],
    ["root/password", rootPassword, "root"],
  ] as const) {
    await admin.call("key.derive", { path: { name }, body: derived });
    const delivery = { kind: "file", path, mode: 0o400, offline: 3_600_000 } as const;
    await admin.call("grant.add", { body: { key: name, query: "*:*", delivery } });
  }
}

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  let is = false;
  await until(what, () => {
    void holds()
      .then((now) => (is = now))
      .catch(() => {});
    return is;
  });
}

test("a new seed under a running agent: its keys and its identity follow, and the event says the generation", async (t) => {
  const { admin, seed, start, stop, read, show, proofs, root } = await setUp(t);
  await grant(admin);
  start();
  const [before, after] = [await contentOf(1, sshHost, 1), await contentOf(2, sshHost, 1)];
  await until("the key is there", () => read("one/keys/ssh_host") === before);
  await eventually("both are proved", async () => (await proofs()).filter((one) => one.proved).length >= 2);
  const { identity } = await show();
  await seed.put(2, 2);
  await until("the key is made anew", () => read("one/keys/ssh_host") === after);
  await eventually("the identity is the new seed's", async () => {
    const now = (await show()).identity;
    return now?.fingerprint !== identity?.fingerprint && now?.seen === now?.issued;
  });
  await eventually("the event says so", async () =>
    (await proofs()).some((one) => one.key === "ssh/host" && one.seed === "generation 2"),
  );
  assert.equal((await admin.call("plan.show", {})).lines.length, 0);
  assert.ok(!(await proofs()).some((one) => one.seed === "another one"));
  assert.doesNotMatch(read("one/state/identity.pem"), /PRIVATE KEY/);
  // An empty machine with the new seed is the node.
  await stop();
  rmSync(join(root, "one"), { recursive: true });
  start();
  await until("the key is there again", () => read("one/keys/ssh_host") === after);
  assert.equal((await show()).state, "active");
});

test("a seed that is another one without a word is drift, and the node goes on under its name", async (t) => {
  const { admin, seed, start, read, show, proofs } = await setUp(t);
  await grant(admin);
  start();
  const after = await contentOf(3, rootPassword, 1);
  await eventually("both are proved", async () => (await proofs()).filter((one) => one.proved).length >= 2);
  await seed.put(3, 1);
  await until("the key is made anew", () => read("one/keys/root") === after);
  await eventually("the server says that it is drift", async () => {
    const { lines } = await admin.call("plan.show", {});
    return lines.filter(({ reason }) => reason.includes("is another one than")).length === 2;
  });
  assert.equal((await show()).state, "active");
  assert.ok((await proofs()).some((one) => one.seed === "another one" && one.refused === true));
});

test("a derived identity is never on the disk, and a machine with an empty one is the same node", async (t) => {
  const { admin, start, stop, read, root, show } = await setUp(t);
  await grant(admin);
  const key = await contentOf(1, sshHost, 1);
  for (const boot of [1, 2, 3]) {
    start();
    await until(`boot ${boot}: the key is there`, () => read("one/keys/ssh_host") === key);
    await eventually("it is connected", async () => (await show()).connected);
    await stop();
    const { identity } = await show();
    assert.equal(identity?.issued, boot);
    const state = readdirSync(join(root, "one/state")).map((name) => read(`one/state/${name}`));
    assert.ok(state.some((text) => text.includes("BEGIN CERTIFICATE")));
    assert.ok(!state.some((text) => text.includes("PRIVATE KEY")));
    rmSync(join(root, "one"), { recursive: true });
  }
  assert.equal((await show()).state, "active");
});

test("a second machine with a copy of the seed freezes the node", async (t) => {
  const { admin, start, read, show, logged } = await setUp(t);
  await grant(admin);
  start("one");
  await until("the first has its key", () => read("one/keys/ssh_host") !== "");
  start("two");
  await eventually("it is frozen", async () => (await show()).state === "frozen");
  assert.match((await show()).reason ?? "", /probably cloned/);
  await until("they are told", () => logged.some((line) => line.includes("is frozen")));
  await admin.call("key.rotate", { path: { name: "ssh/host" }, body: {} });
  const next = await contentOf(1, sshHost, 2);
  assert.ok(read("one/keys/ssh_host") !== next && read("two/keys/ssh_host") !== next);
});
