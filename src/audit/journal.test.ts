import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { utf8 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { createTransact } from "../store/transaction.ts";
import { isSigned } from "./checkpoint.ts";
import { eventKey } from "./event-line.ts";
import { HEAD_KEY } from "./head.ts";
import type { AuditLog } from "./journal.ts";
import { alice, type LogBench, note, openLog, read, write } from "./log-for-test.ts";
import { SIGNED_KEY } from "./signing.ts";

let bench: LogBench;
let log: AuditLog;
beforeEach(() => {
  bench = openLog();
  log = bench.log;
});

describe("an act", () => {
  it("writes its change and its event together", async () => {
    const value = await log.act(write, (tx, detail) => {
      tx.put("keys/x", utf8("1"));
      detail.version = 3;
      return "done";
    });
    assert.equal(value, "done");
    assert.ok(await bench.store.get("keys/x"));
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
    assert.equal(await bench.store.get("keys/x"), null);
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
    const other = createTransact(bench.store);
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
    assert.equal(await bench.store.revision(), 0);
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
    const second = bench.second();
    const calls = Array.from({ length: 320 }, (_, i) => (i % 8 === 0 ? second : log).act(read, () => i));
    await Promise.all(calls);
    const report = await log.verify();
    assert.deepEqual(report, { events: 320, intact: true, signed: 0, problems: [] });
  });

  it("is signed on demand, and the checkpoint says which event is the newest", async () => {
    await bench.append(3);
    const checkpoint = await log.checkpoint();
    assert.equal(checkpoint.seq, 3);
    assert.ok(isSigned(checkpoint));
    assert.equal((await log.verify({ checkpoint })).signed, 3);
  });

  it("is signed when the log is closed", async () => {
    await bench.append(3);
    await log.close();
    assert.equal((await bench.second().verify()).signed, 3);
  });

  it("is signed a little after an event", async () => {
    const quick = bench.second(1);
    await quick.note(note);
    while ((await quick.verify()).signed < 1) await new Promise((resolve) => setTimeout(resolve, 2));
  });

  it("goes on unsigned while sealed, and cannot give a checkpoint then", async () => {
    bench.sealed = true;
    await bench.append(2);
    await assert.rejects(log.checkpoint(), { code: "sealed" });
    assert.deepEqual(await log.verify(), { events: 2, intact: true, signed: 0, problems: [] });
    bench.sealed = false;
    assert.equal((await log.checkpoint()).seq, 2);
  });

  it("gives no checkpoint when it is empty", async () => {
    await assert.rejects(log.checkpoint(), { code: "not-found" });
  });

  it("gets no new signature when what was signed is gone or changed", async () => {
    await bench.append(5);
    await log.checkpoint();
    const kept = await bench.store.get(eventKey(5));
    await bench.overwrite(eventKey(5), null);
    await bench.append(1);
    await assert.rejects(log.checkpoint(), { code: "integrity" });
    await bench.overwrite(eventKey(5), (await bench.store.get(eventKey(4)))?.value ?? null);
    await assert.rejects(log.checkpoint(), { code: "integrity" });
    await bench.overwrite(eventKey(5), kept?.value ?? null);
    assert.equal((await log.checkpoint()).seq, 6);
  });

  it("gets no new signature when it was cut back behind the signed event, even without the signed record", async () => {
    await bench.append(3);
    const early = await bench.store.get(HEAD_KEY);
    await bench.append(2);
    await log.checkpoint();
    await bench.overwrite(HEAD_KEY, early?.value ?? null);
    for (const seq of [4, 5]) await bench.overwrite(eventKey(seq), null);
    await assert.rejects(log.checkpoint(), { code: "integrity" });
    await bench.overwrite(SIGNED_KEY, null);
    await assert.rejects(log.checkpoint(), { code: "integrity" });
    await log.close();
    assert.ok(isKeywardError(bench.problems[0], "integrity"));
  });
});
