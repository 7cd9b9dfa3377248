/** Whose turn it is, with a clock that is held and hosts that do what the test says. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { toBase64 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { type NodeName, parseNodeName } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import { parsePushSettings } from "../model/push.ts";
import type { RemoteHost, SshLogin } from "../model/remote-host.ts";
import { nodes } from "../records/records.ts";
import { openMemory } from "../store/memory.ts";
import { createTransact } from "../store/transaction.ts";
import { createPusher, type PushRun } from "./pusher.ts";

const START = 1_800_000_000_000;
const EVERY = 3_600_000;
const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHDq3qJr4gcqVt1Ur1jkv2tVzjhEfBPe8SshVpcb8mgM";

const host: RemoteHost = {
  fingerprint: "SHA256:x",
  ownerOf: async () => ({ uid: 0, gid: 0 }),
  read: async () => null,
  install: async () => ({ written: true, changed: true }),
  remove: async () => "absent",
  sweep: async () => 0,
  run: async () => 0,
  close() {},
};

/** Nodes that are reached by connections of the test's own, which are let go one by one or not at all. */
async function createRig(t: TestContext, names: readonly string[], random = () => 0.5) {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let now = START as UnixMs;
  const transact = createTransact(openMemory());
  const all = names.map((name) => parseNodeName(name));
  const settings = parsePushSettings({ address: "127.0.0.1", hostKeys: [hostKey], every: EVERY });
  const save = (name: NodeName, more: Partial<Node> = {}) =>
    transact((tx) =>
      nodes.put(tx, {
        name,
        state: "active",
        created: now,
        attributes: { reported: {}, set: {}, attested: {}, inventory: {} },
        push: settings,
        ...more,
      }),
    );
  for (const name of all) await save(name);
  let tell: (names: readonly NodeName[]) => void = () => {};
  const runs: PushRun[] = [];
  const events: string[] = [];
  const logins: SshLogin[] = [];
  const rig = {
    /** How many connections there have been, and are. */
    connected: 0,
    open: 0,
    most: 0,
    /** What a connection waits for. */
    gate: Promise.resolve() as Promise<void>,
    fails: null as KeywardError | null,
    runs,
    events,
    logins,
    save,
    told: (...changed: string[]) => tell(changed.map((name) => parseNodeName(name))),
    async settled() {
      for (let i = 0; i < 40; i++) await turn();
    },
    async advance(ms: number) {
      now = (now + ms) as UnixMs;
      t.mock.timers.tick(1000);
      await rig.settled();
    },
  };
  const pusher = createPusher({
    fleet: {
      pushed: () => all,
      onPush(listener) {
        tell = listener;
        return () => {
          tell = () => {};
        };
      },
      hashOf: (node) => `h-${node}`,
      delivered: () => [],
      bundleFor: async () => ({ revision: 1, entries: [], challenge: toBase64(new Uint8Array(32)) }) as never,
      report: async () => ({ accepted: [], refused: [] }),
    },
    transact,
    journal: { note: async ({ resource, detail }) => void events.push(`${resource} ${detail?.code}`) },
    login: {
      async loginFor() {
        const login: SshLogin = { kind: "key", key: Secret.fromText("key") };
        logins.push(login);
        return login;
      },
    },
    connect: async () => async () => {
      rig.connected++;
      rig.most = Math.max(rig.most, ++rig.open);
      await rig.gate;
      rig.open--;
      if (rig.fails !== null) throw rig.fails;
      return host;
    },
    clock: () => now,
    random: (size) => new Uint8Array(size).fill(Math.floor(random() * 256)),
    onRun: (run) => runs.push(run),
  });
  return Object.assign(rig, { pusher, all });
}

const down = new KeywardError("unreachable", "host 127.0.0.1 port 22: no connection");

test("each node is pushed to at the start, at a change, and when its time has come, but not in between", async (t) => {
  const rig = await createRig(t, ["web1", "web2"]);
  rig.pusher.start();
  await rig.settled();
  assert.equal(rig.connected, 2);
  await rig.advance(EVERY / 2);
  assert.equal(rig.connected, 2);
  rig.told("web2");
  await rig.settled();
  assert.equal(rig.connected, 3);
  await rig.advance(EVERY / 2 + 60_000);
  assert.equal(rig.connected, 4, "web1 alone: web2 was looked at half an hour ago");
  await rig.pusher.stop();
});

test("a node that wants all written anew is pushed to when its time is over, never before", async (t) => {
  const rig = await createRig(t, ["web1"], () => 0);
  const anew = { address: "127.0.0.1", hostKeys: [hostKey], every: EVERY, redistribute: true };
  await rig.save(parseNodeName("web1"), { push: parsePushSettings(anew) });
  rig.pusher.start();
  await rig.settled();
  assert.equal(rig.connected, 1);
  await rig.advance(EVERY - 1000);
  assert.equal(rig.connected, 1);
  await rig.advance(1000);
  assert.equal(rig.connected, 2);
  await rig.pusher.stop();
});

test("a node that is down waits twice as long each time, ten minutes at most, and has one event", async (t) => {
  const rig = await createRig(t, ["web1"]);
  rig.fails = down;
  rig.pusher.start();
  await rig.settled();
  const pauses: number[] = [];
  let waited = 0;
  for (let before = rig.connected; pauses.length < 10; ) {
    await rig.advance(500);
    waited += 500;
    if (rig.connected === before) continue;
    pauses.push(waited);
    before = rig.connected;
    waited = 0;
  }
  const expected = [5, 10, 20, 40, 80, 160, 320, 600, 600, 600].map((seconds) => seconds * 1000);
  for (const [i, pause] of pauses.entries())
    assert.ok(Math.abs(pause - (expected[i] ?? 0)) <= (expected[i] ?? 0) * 0.02 + 500, `${i}: ${pause}`);
  assert.deepEqual(rig.events, ["web1 unreachable"]);
  assert.equal(rig.pusher.down(), 1);
  const { last, next } = rig.pusher.standing(parseNodeName("web1"));
  assert.equal(last?.outcome, "unreachable");
  assert.ok((next ?? 0) > (last?.at ?? 0));
  rig.fails = null;
  await rig.advance(900_000);
  assert.equal(rig.pusher.down(), 0);
  rig.fails = down;
  rig.told("web1");
  await rig.settled();
  assert.deepEqual(rig.events, ["web1 unreachable", "web1 unreachable"]);
  const again = rig.pusher.standing(parseNodeName("web1")).last;
  assert.ok((again?.reached ?? 0) <= (again?.at ?? 0) && again?.reached !== undefined);
  await rig.pusher.stop();
});

test("a node that is down is tried at once when it is said to be reached in another way", async (t) => {
  const rig = await createRig(t, ["web1"]);
  rig.fails = down;
  rig.pusher.start();
  await rig.settled();
  assert.equal(rig.pusher.down(), 1);
  rig.fails = null;
  const push = parsePushSettings({ address: "127.0.0.2", hostKeys: [hostKey], every: EVERY });
  await rig.save(parseNodeName("web1"), { push });
  rig.told("web1");
  await rig.settled();
  assert.equal(rig.connected, 2);
  assert.equal(rig.pusher.down(), 0);
  await rig.pusher.stop();
});

test("a change does not reach a node that is down before its pause is over", async (t) => {
  const rig = await createRig(t, ["web1"]);
  rig.fails = down;
  rig.pusher.start();
  await rig.settled();
  rig.told("web1");
  rig.told("web1");
  await rig.settled();
  assert.equal(rig.connected, 1);
  await rig.advance(6000);
  assert.equal(rig.connected, 2);
  await rig.pusher.stop();
});

test("those that fail together do not come again together", async (t) => {
  let step = 0;
  const rig = await createRig(
    t,
    Array.from({ length: 20 }, (_, i) => `web${i}`),
    () => (step++ % 20) / 20,
  );
  rig.fails = down;
  rig.pusher.start();
  await rig.settled();
  const nexts = rig.all.map((name) => (rig.pusher.standing(name).next ?? 0) - START);
  assert.ok(Math.min(...nexts) >= 2500 && Math.max(...nexts) <= 7500, String(nexts));
  assert.ok(new Set(nexts).size > 10);
  await rig.pusher.stop();
});

test("64 at once by itself, as many as asked for by hand, and the first that is due is the first served", async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `web${i}`);
  const rig = await createRig(t, names);
  rig.pusher.start();
  await rig.settled();
  assert.equal(rig.most, 64);
  for (let i = 0; i < 10; i++) await rig.settled();
  assert.deepEqual(
    rig.runs.map(({ node }) => node),
    names,
  );
  rig.most = 0;
  await rig.pusher.run(rig.all, { concurrency: 100 }, () => {});
  assert.equal(rig.most, 100);
  await rig.pusher.stop();
});

test("one push at a time for a node; who waits in vain is told that it is busy", async (t) => {
  const rig = await createRig(t, ["web1"]);
  const gate = Promise.withResolvers<void>();
  rig.gate = gate.promise;
  const done: PushRun[] = [];
  const first = rig.pusher.run(rig.all, {}, (run) => done.push(run));
  await rig.settled();
  await rig.pusher.run(rig.all, { deadline: 20 as DurationMs }, (run) => done.push(run));
  assert.deepEqual(
    done.map(({ error }) => error?.code),
    ["busy"],
  );
  const second = rig.pusher.run(rig.all, {}, (run) => done.push(run));
  await rig.settled();
  assert.equal(rig.connected, 1);
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual([rig.connected, rig.most], [2, 1]);
  assert.equal(done.filter(({ error }) => error === null).length, 2);
});

test("a stop begins nothing more, also of what was asked for by hand, and waits for what is under way", async (t) => {
  const rig = await createRig(t, ["web1", "web2", "web3"]);
  const gate = Promise.withResolvers<void>();
  rig.gate = gate.promise;
  const codes: (string | undefined)[] = [];
  const running = rig.pusher.run(rig.all, { concurrency: 1 }, ({ error }) => codes.push(error?.code));
  await rig.settled();
  let stopped = false;
  const stopping = rig.pusher.stop().then(() => {
    stopped = true;
  });
  await rig.settled();
  assert.equal(stopped, false);
  gate.resolve();
  await Promise.all([stopping, running]);
  assert.equal(rig.connected, 1);
  assert.deepEqual(codes, [undefined, "busy", "busy"]);
});

test("who is frozen keeps what it has and is not reached; thawed in the middle of that, it is pushed to", async (t) => {
  const rig = await createRig(t, ["web1"]);
  const name = parseNodeName("web1");
  await rig.save(name, { state: "frozen" });
  rig.pusher.start();
  await rig.settled();
  assert.equal(rig.connected, 0);
  await rig.save(name);
  rig.told("web1");
  await rig.settled();
  assert.equal(rig.connected, 1);
  await rig.pusher.stop();
});

test("the key that was shown to a host is wiped once the host has let us in, or has not", async (t) => {
  const rig = await createRig(t, ["web1"]);
  await rig.pusher.run(rig.all, {}, () => {});
  rig.fails = down;
  await rig.pusher.run(rig.all, {}, () => {});
  assert.equal(rig.logins.length, 2);
  for (const login of rig.logins)
    assert.ok(login.kind === "key" && login.key.reveal().every((byte) => byte === 0));
});
