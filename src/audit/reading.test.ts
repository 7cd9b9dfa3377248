import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { utf8 } from "../base/bytes.ts";
import type { UnixMs } from "../base/time.ts";
import type { Event } from "../model/event.ts";
import type { Store } from "../store/store.ts";
import { eventKey } from "./event-line.ts";
import { HEAD_KEY } from "./head.ts";
import type { AuditLog } from "./journal.ts";
import { type LogBench, note, openLog, read, settle, write } from "./log-for-test.ts";
import { SIGNED_KEY } from "./signing.ts";

let bench: LogBench;
let log: AuditLog;
beforeEach(() => {
  bench = openLog();
  log = bench.log;
});

describe("verify", () => {
  const cases: [string, () => Promise<void>, number, RegExp][] = [
    ["an event that was edited", () => edit(3, '"db/x"', '"db/z"'), 3, /was edited/],
    ["an event with a blank put in", () => edit(3, '"ok"', ' "ok"'), 3, /not as it was written/],
    [
      "an event that is no text",
      () => bench.overwrite(eventKey(3), new Uint8Array([0xff])),
      3,
      /not as it was written/,
    ],
    ["an event that was removed", () => bench.overwrite(eventKey(3), null), 3, /is missing/],
    ["the newest event removed", () => bench.overwrite(eventKey(6), null), 6, /missing at the end/],
    ["an event copied over another", () => copy(2, 4), 2, /wrong place/],
    ["an event put in after the head", () => copy(2, 7), 2, /wrong place/],
    ["a head that was removed", () => bench.overwrite(HEAD_KEY, null), 1, /was put in/],
    ["a head that cannot be read", () => bench.overwrite(HEAD_KEY, utf8("[]")), 0, /audit-head/],
    ["a signed head that cannot be read", () => bench.overwrite(SIGNED_KEY, utf8("[]")), 0, /audit-signed/],
  ];

  async function edit(seq: number, from: string, to: string): Promise<void> {
    const text = Buffer.from((await bench.store.get(eventKey(seq)))?.value ?? []).toString();
    await bench.overwrite(eventKey(seq), utf8(text.replace(from, to)));
  }

  async function copy(from: number, to: number): Promise<void> {
    await bench.overwrite(eventKey(to), (await bench.store.get(eventKey(from)))?.value ?? null);
  }

  for (const [name, tamper, seq, what] of cases) {
    it(`finds ${name}`, async () => {
      await bench.append(4);
      await log.checkpoint();
      await bench.append(2);
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
    await bench.append(4);
    const checkpoint = await log.checkpoint();
    bench = openLog();
    log = bench.log;
    for (let i = 0; i < 6; i++) await log.act(write, () => null);
    assert.equal((await log.verify()).intact, true);
    const { problems } = await log.verify({ checkpoint });
    assert.deepEqual(problems, [{ seq: 4, what: "is not the event that the checkpoint names" }]);
  });

  it("finds a checkpoint that another key signed, and one that was changed", async () => {
    await bench.append(4);
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
    await bench.append(3);
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
    await bench.append(5);
    const asked: unknown[] = [];
    const spying: Store = {
      ...bench.store,
      range: (query) => {
        asked.push(query);
        return bench.store.range(query);
      },
    };
    const spied = openLog(spying).log;
    assert.deepEqual(
      (await spied.recent(2)).map(({ seq }) => seq),
      [4, 5],
    );
    assert.deepEqual(asked, [{ prefix: "audit/", reverse: true, limit: 2 }]);
  });

  it("follows from now on, until it is told to stop", async () => {
    await bench.append(2);
    const heard: number[] = [];
    const stop = log.follow(({ seq }) => heard.push(seq));
    await settle();
    await bench.append(2);
    await settle();
    stop();
    await bench.append(1);
    await settle();
    assert.deepEqual(heard, [3, 4]);
  });

  it("tails every event after a number once and in order, while others write", async () => {
    await bench.append(3);
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

describe("going through a long log", () => {
  it("lets others have their turn, in a filtered list and in a check", async () => {
    await Promise.all(Array.from({ length: 3500 }, () => log.act(read, () => null)));
    const turnsDuring = async (work: () => Promise<unknown>): Promise<number> => {
      let turns = 0;
      let over = false;
      const turn = (): void => {
        if (over) return;
        turns++;
        setImmediate(turn);
      };
      setImmediate(turn);
      await work();
      over = true;
      return turns;
    };
    assert.ok((await turnsDuring(() => log.list({ after: 0, limit: 10, by: "nobody" }))) >= 3);
    assert.ok((await turnsDuring(() => log.verify())) >= 3);
  });
});
