import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { beforeEach, describe, it } from "node:test";
import { utf8 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import type { Event } from "../model/event.ts";
import type { Principal } from "../model/principal.ts";
import { openMemory } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import { isSigned, type Signer } from "./checkpoint.ts";
import { eventKey } from "./event-line.ts";
import { HEAD_KEY } from "./head.ts";
import { type AuditLog, createJournal } from "./journal.ts";
import { SIGNED_KEY } from "./signing.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const rawKey = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
const alice: Principal = {
  kind: "operator",
  name: "alice",
  rules: [{ name: "db", allow: [{ actions: ["key:read", "key:write"], prefix: "db/" }] }],
};
const read = { by: alice, action: "key:read", resource: "db/x" } as const;
const write = { by: alice, action: "key:write", resource: "db/x" } as const;
const note = { by: "system:server", action: "server:start", resource: "server", outcome: "ok" } as const;

let store: Store;
let sealed: boolean;
let log: AuditLog;
let problems: unknown[];
const signer: Signer = {
  sign: (bytes) => (sealed ? null : new Uint8Array(sign(null, bytes, privateKey))),
  publicKey: rawKey,
};

function open(): AuditLog {
  return createJournal({
    transact: createTransact(store),
    store,
    clock: () => 1000 as UnixMs,
    signer,
    signEvery: 60_000,
    onProblem: (problem) => problems.push(problem),
  });
}

beforeEach(() => {
  store = openMemory();
  sealed = false;
  problems = [];
  log = open();
});

async function overwrite(key: string, value: Uint8Array | null): Promise<void> {
  const write = value === null ? ({ kind: "delete", key } as const) : ({ kind: "put", key, value } as const);
  await store.commit({ compare: [], write: [write] } as never);
}

async function append(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await log.act(read, () => null);
}

describe("an act", () => {
  it("writes its change and its event together", async () => {
    const value = await log.act(write, (tx, detail) => {
      tx.put("keys/x", utf8("1"));
      detail.version = 3;
      return "done";
    });
    assert.equal(value, "done");
    assert.ok(await store.get("keys/x"));
    const [event] = await log.list({ after: 0, limit: 10 });
    assert.equal(event?.seq, 1);
    assert.equal(event?.by, "operator:alice");
    assert.equal(event?.outcome, "ok");
    assert.deepEqual(event?.detail, { version: 3 });
  });

  it("carries the request's id into its event", async () => {
    await log.act({ ...read, request: "r-7" }, () => null);
    const [event] = await log.recent(1);
    assert.deepEqual(event?.detail, { request: "r-7" });
  });

  it("that is not allowed does nothing, has an event and says what is missing", async () => {
    let ran = false;
    const act = { by: alice, action: "key:destroy", resource: "db/x" } as const;
    await assert.rejects(
      log.act(act, () => {
        ran = true;
      }),
      (error) =>
        isKeywardError(error, "denied") &&
        /operator:alice: key:destroy on "db\/x"/.test(error.message) &&
        /key:destroy/.test(error.hint ?? ""),
    );
    assert.equal(ran, false);
    const [event] = await log.recent(1);
    assert.equal(event?.outcome, "denied");
    assert.equal(event?.action, "key:destroy");
  });

  it("that throws leaves neither change nor event", async () => {
    await assert.rejects(
      log.act(write, (tx) => {
        tx.put("keys/x", utf8("1"));
        throw new KeywardError("conflict", "no");
      }),
      /no/,
    );
    assert.equal(await store.get("keys/x"), null);
    assert.deepEqual(await log.recent(9), []);
  });

  it("that fails on integrity or on a wrong key has a failed event", async () => {
    for (const code of ["integrity", "wrong-key"] as const) {
      await assert.rejects(
        log.act(read, () => {
          throw new KeywardError(code, "the box was changed");
        }),
      );
      const [event] = await log.recent(1);
      assert.equal(event?.outcome, "failed");
      assert.deepEqual(event?.detail, { error: code, reason: "the box was changed" });
    }
  });

  it("whose work finds a denial has a denied event, in a dry run too", async () => {
    for (const dryRun of [false, true]) {
      const work = () => {
        throw new KeywardError("denied", "a rule too many");
      };
      await assert.rejects(log.act({ ...write, dryRun }, work), { code: "denied" });
      const [event] = await log.recent(1);
      assert.equal(event?.outcome, "denied");
      assert.equal(event?.detail?.reason, "a rule too many");
    }
  });

  it("that runs again starts with empty details", async () => {
    let runs = 0;
    const other = createTransact(store);
    await log.act(read, async (tx, detail) => {
      runs += 1;
      detail[`run${runs}`] = true;
      await tx.get("keys/x");
      if (runs === 1) await other((it) => it.put("keys/x", utf8(String(runs))));
    });
    assert.equal(runs, 2);
    assert.deepEqual((await log.recent(1))[0]?.detail, { run2: true });
  });
});

describe("a dry run", () => {
  it("does the work and keeps nothing of it", async () => {
    const value = await log.act({ ...write, dryRun: true }, async (tx) => {
      tx.put("keys/x", utf8("1"));
      return (await tx.get("keys/x"))?.byteLength;
    });
    assert.equal(value, 1);
    assert.equal(await store.revision(), 0);
  });

  it("needs the permission, and its denial has an event", async () => {
    const act = { by: alice, action: "key:read", resource: "web/x", dryRun: true } as const;
    await assert.rejects(
      log.act(act, () => null),
      { code: "denied" },
    );
    assert.equal((await log.recent(1))[0]?.outcome, "denied");
  });

  it("passes on what the work throws", async () => {
    const work = () => {
      throw new KeywardError("not-found", "no such key");
    };
    await assert.rejects(log.act({ ...write, dryRun: true }, work), { code: "not-found" });
  });
});

describe("several acts in one", () => {
  it("have an event each, with its own details", async () => {
    await log.actAll([read, { ...read, resource: "db/y" }], (_tx, details) => {
      for (const [i, detail] of details.entries()) detail.version = i + 1;
    });
    const events = await log.list({ after: 0, limit: 10 });
    assert.deepEqual(
      events.map(({ seq, resource, detail }) => [seq, resource, detail?.version]),
      [
        [1, "db/x", 1],
        [2, "db/y", 2],
      ],
    );
  });

  it("are all refused when one is, and only that one has an event", async () => {
    await assert.rejects(
      log.actAll([read, { ...read, resource: "web/y" }], (tx) => tx.put("keys/x", utf8("1"))),
      { code: "denied" },
    );
    const events = await log.list({ after: 0, limit: 10 });
    assert.deepEqual(
      events.map(({ resource, outcome }) => [resource, outcome]),
      [["web/y", "denied"]],
    );
  });

  it("are refused when there is none, because then nothing would be checked", async () => {
    await assert.rejects(
      log.actAll([], () => null),
      { code: "internal" },
    );
  });
});

describe("the chain", () => {
  it("has no gaps and no doubles with 32 callers at once and a second server", async () => {
    const second = open();
    const calls = Array.from({ length: 320 }, (_, i) => (i % 8 === 0 ? second : log).act(read, () => i));
    await Promise.all(calls);
    const report = await log.verify();
    assert.deepEqual(report, { events: 320, intact: true, signed: 0, problems: [] });
  });

  it("is signed on demand, and the checkpoint says which event is the newest", async () => {
    await append(3);
    const checkpoint = await log.checkpoint();
    assert.equal(checkpoint.seq, 3);
    assert.ok(isSigned(checkpoint));
    assert.equal((await log.verify({ checkpoint })).signed, 3);
  });

  it("is signed when the log is closed", async () => {
    await append(3);
    await log.close();
    assert.equal((await open().verify()).signed, 3);
  });

  it("is signed a little after an event", async () => {
    const quick = createJournal({
      transact: createTransact(store),
      store,
      clock: () => 1 as UnixMs,
      signer,
      signEvery: 1,
    });
    await quick.note(note);
    while ((await quick.verify()).signed < 1) await new Promise((resolve) => setTimeout(resolve, 2));
  });

  it("goes on unsigned while sealed, and cannot give a checkpoint then", async () => {
    sealed = true;
    await append(2);
    await assert.rejects(log.checkpoint(), { code: "sealed" });
    assert.deepEqual(await log.verify(), { events: 2, intact: true, signed: 0, problems: [] });
    sealed = false;
    assert.equal((await log.checkpoint()).seq, 2);
  });

  it("gives no checkpoint when it is empty", async () => {
    await assert.rejects(log.checkpoint(), { code: "not-found" });
  });

  it("gets no new signature when what was signed is gone or changed", async () => {
    await append(5);
    await log.checkpoint();
    const kept = await store.get(eventKey(5));
    await overwrite(eventKey(5), null);
    await append(1);
    await assert.rejects(log.checkpoint(), { code: "integrity" });
    await overwrite(eventKey(5), (await store.get(eventKey(4)))?.value ?? null);
    await assert.rejects(log.checkpoint(), { code: "integrity" });
    await overwrite(eventKey(5), kept?.value ?? null);
    assert.equal((await log.checkpoint()).seq, 6);
  });

  it("gets no new signature when it was cut back behind the signed event, even without the signed record", async () => {
    await append(3);
    const early = await store.get(HEAD_KEY);
    await append(2);
    await log.checkpoint();
    await overwrite(HEAD_KEY, early?.value ?? null);
    for (const seq of [4, 5]) await overwrite(eventKey(seq), null);
    await assert.rejects(log.checkpoint(), { code: "integrity" });
    await overwrite(SIGNED_KEY, null);
    await assert.rejects(log.checkpoint(), { code: "integrity" });
    await log.close();
    assert.ok(isKeywardError(problems[0], "integrity"));
  });
});

describe("verify", () => {
  const cases: [string, () => Promise<void>, number, RegExp][] = [
    ["an event that was edited", () => edit(3, '"db/x"', '"db/z"'), 3, /was edited/],
    ["an event with a blank put in", () => edit(3, '"ok"', ' "ok"'), 3, /not as it was written/],
    [
      "an event that is no text",
      () => overwrite(eventKey(3), new Uint8Array([0xff])),
      3,
      /not as it was written/,
    ],
    ["an event that was removed", () => overwrite(eventKey(3), null), 3, /is missing/],
    ["the newest event removed", () => overwrite(eventKey(6), null), 6, /missing at the end/],
    ["an event copied over another", () => copy(2, 4), 2, /wrong place/],
    ["an event put in after the head", () => copy(2, 7), 2, /wrong place/],
    ["a head that was removed", () => overwrite(HEAD_KEY, null), 1, /was put in/],
    ["a head that cannot be read", () => overwrite(HEAD_KEY, utf8("[]")), 0, /audit-head/],
    ["a signed head that cannot be read", () => overwrite(SIGNED_KEY, utf8("[]")), 0, /audit-signed/],
  ];

  async function edit(seq: number, from: string, to: string): Promise<void> {
    const text = Buffer.from((await store.get(eventKey(seq)))?.value ?? []).toString();
    await overwrite(eventKey(seq), utf8(text.replace(from, to)));
  }

  async function copy(from: number, to: number): Promise<void> {
    await overwrite(eventKey(to), (await store.get(eventKey(from)))?.value ?? null);
  }

  for (const [name, tamper, seq, what] of cases) {
    it(`finds ${name}`, async () => {
      await append(4);
      await log.checkpoint();
      await append(2);
      await tamper();
      const { intact, problems } = await log.verify();
      assert.equal(intact, false);
      assert.ok(
        problems.some((problem) => problem.seq === seq && what.test(problem.what)),
        JSON.stringify(problems),
      );
    });
  }

  it("finds a log that was rewritten as a whole, by the checkpoint kept elsewhere", async () => {
    await append(4);
    const checkpoint = await log.checkpoint();
    store = openMemory();
    log = open();
    for (let i = 0; i < 6; i++) await log.act(write, () => null);
    assert.equal((await log.verify()).intact, true);
    const { problems } = await log.verify({ checkpoint });
    assert.deepEqual(problems, [{ seq: 4, what: "is not the event that the checkpoint names" }]);
  });

  it("finds a checkpoint that another key signed, and one that was changed", async () => {
    await append(4);
    const checkpoint = await log.checkpoint();
    const other = { ...checkpoint, publicKey: Buffer.alloc(32, 1).toString("base64") };
    assert.match((await log.verify({ checkpoint: other })).problems[0]?.what ?? "", /another key/);
    const changed = { ...checkpoint, at: 1 as UnixMs };
    assert.match((await log.verify({ checkpoint: changed })).problems[0]?.what ?? "", /does not fit/);
  });
});

describe("reading", () => {
  it("a list for a name has what was done to it, and what was done with it", async () => {
    await log.act(write, () => {});
    await log.note({ ...note, detail: { key: "db/x" } });
    await log.note({ ...note, detail: { key: "db/xy" } });
    const events = await log.list({ after: 0, limit: 9, resource: "db/x" });
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [1, 2],
    );
  });

  it("lists by page, by resource and by principal", async () => {
    await append(3);
    await log.note(note);
    await log.act({ ...read, resource: "db/y" }, () => null);
    const seqs = async (query: object) =>
      (await log.list({ after: 0, limit: 9, ...query })).map(({ seq }) => seq);
    assert.deepEqual(await seqs({ after: 1, limit: 2 }), [2, 3]);
    assert.deepEqual(await seqs({ resource: "db/y" }), [5]);
    assert.deepEqual(await seqs({ by: "alice", limit: 2 }), [1, 2]);
    assert.deepEqual(await seqs({ by: "system:server" }), [4]);
    assert.deepEqual(await seqs({ by: "system:server", resource: "db/y" }), []);
  });

  it("gives the newest without reading the rest", async () => {
    await append(5);
    const asked: unknown[] = [];
    const spying: Store = {
      ...store,
      range: (query) => {
        asked.push(query);
        return store.range(query);
      },
    };
    const spied = createJournal({
      transact: createTransact(spying),
      store: spying,
      clock: () => 1 as UnixMs,
      signer,
    });
    assert.deepEqual(
      (await spied.recent(2)).map(({ seq }) => seq),
      [4, 5],
    );
    assert.deepEqual(asked, [{ prefix: "audit/", reverse: true, limit: 2 }]);
  });

  it("follows from now on, until it is told to stop", async () => {
    await append(2);
    const heard: number[] = [];
    const stop = log.follow(({ seq }) => heard.push(seq));
    await settle();
    await append(2);
    await settle();
    stop();
    await append(1);
    await settle();
    assert.deepEqual(heard, [3, 4]);
  });

  it("tails every event after a number once and in order, while others write", async () => {
    await append(3);
    const heard: Event[] = [];
    const stop = log.tail(1, (event) => heard.push(event));
    await Promise.all(Array.from({ length: 200 }, () => log.act(read, () => null)));
    while (heard.length < 202) await settle();
    stop();
    assert.deepEqual(
      heard.map(({ seq }) => seq),
      Array.from({ length: 202 }, (_, i) => i + 2),
    );
  });
});

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
