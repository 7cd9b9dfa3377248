import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { commit, orderedKeys, put } from "./contract/cases.ts";
import { compareKeys } from "./key.ts";
import { openMemory } from "./memory.ts";
import type { Commit, RangeQuery, Store, Transaction } from "./store.ts";
import { createTransact } from "./transaction.ts";

/** A store whose commits a test can count, delay, and refuse (by answering "refuse"). */
function spied(before: (wanted: Commit, store: Store) => unknown) {
  const store = openMemory();
  const commits: Commit[] = [];
  const spy: Store = {
    ...store,
    async commit(wanted) {
      commits.push(wanted);
      return (await before(wanted, store)) === "refuse" ? null : store.commit(wanted);
    },
  };
  return { store: spy, beneath: store, commits };
}

const go = (): void => {};

test("acts that arrive while a commit is under way share the next one", async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { store, commits } = spied(async () => {
    if (commits.length === 1) await gate;
  });
  const transact = createTransact(store);
  const first = transact((tx) => tx.put("first", utf8("")));
  while (commits.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const later = Array.from({ length: 31 }, (_, i) => transact((tx) => tx.put(`later/${i}`, utf8(""))));
  release();
  await Promise.all([first, ...later]);
  assert.deepEqual(
    commits.map(({ write }) => write.length),
    [1, 31],
  );
});

test("a group holds no more acts, and no more bytes, than it may", async () => {
  const { store, commits } = spied(go);
  const transact = createTransact(store, { maxGroup: 3, maxSize: 100 });
  const act = (key: string, size: number) => transact((tx) => tx.put(key, new Uint8Array(size)));
  await Promise.all([act("1", 1), act("2", 1), act("3", 1), act("4", 60), act("5", 60), act("6", 1)]);
  assert.deepEqual(
    commits.map(({ write }) => write.map(({ key }) => key).join("")),
    ["123", "45", "6"],
  );
});

test("an act that only reads is compared, and writes nothing", async () => {
  const { store, beneath, commits } = spied(go);
  await commit(beneath, put("a"));
  const value = await createTransact(store)(async (tx) => [await tx.get("a"), await tx.get("b")]);
  assert.deepEqual(value, [utf8("a"), null]);
  assert.deepEqual(commits, [
    {
      asOf: 1,
      compare: [
        { key: "a", modified: 1 },
        { key: "b", modified: 0 },
      ],
      write: [],
    },
  ]);
});

test("a group is run again on what another writer left", async () => {
  const { store, commits } = spied(async (_, beneath) => {
    if (commits.length === 1) await commit(beneath, put("n", "10"));
  });
  await commit(store, put("n", "0"));
  commits.length = 0;
  const transact = createTransact(store, { backOff: 0 });
  let runs = 0;
  const counted = await transact(async (tx) => {
    runs += 1;
    const next = Number(fromUtf8((await tx.get("n")) ?? utf8(""), "n")) + 1;
    tx.put("n", utf8(String(next)));
    return next;
  });
  assert.deepEqual([counted, runs], [11, 2]);
});

test("a record that changes between two readings of one act makes the act run again", async () => {
  const store = openMemory();
  await commit(store, put("n", "0"));
  const transact = createTransact(store, { backOff: 0 });
  let runs = 0;
  const seen = await transact(async (tx) => {
    runs += 1;
    const first = await tx.get("n");
    if (runs === 1) await commit(store, put("n", "1"), put("new"));
    const again = (await tx.range({ prefix: "n" })).map(({ value }) => fromUtf8(value, "n"));
    tx.put("copy", first ?? utf8(""));
    return [fromUtf8(first ?? utf8(""), "n"), ...again];
  });
  assert.deepEqual([runs, seen], [2, ["1", "1", "new"]]);
});

test("a group that another writer beats each time ends in `conflict`, and the next one is served", async () => {
  let refuse = true;
  const { store, commits } = spied(() => (refuse ? "refuse" : null));
  const transact = createTransact(store, { attempts: 4, backOff: 0 });
  const acts = [transact((tx) => tx.put("a", utf8(""))), transact((tx) => tx.put("b", utf8("")))];
  for (const act of acts) await assert.rejects(act, (error) => isKeywardError(error, "conflict"));
  assert.equal(commits.length, 4);
  refuse = false;
  await transact((tx) => tx.put("c", utf8("")));
});

test("when the commit fails, all acts of the group hear of it, and the next group is served", async () => {
  let broken = true;
  const { store } = spied(() => {
    if (broken) throw new KeywardError("local", "the disk is full");
  });
  const transact = createTransact(store);
  const thrower = transact(() => {
    throw new Error("of its own");
  });
  const acts = [transact((tx) => tx.put("a", utf8(""))), thrower, transact((tx) => tx.get("a"))];
  for (const act of acts) await assert.rejects(act, (error) => isKeywardError(error, "local"));
  broken = false;
  await transact((tx) => tx.put("a", utf8("")));
});

test("a failed read reaches only the act that read", async () => {
  const store = openMemory();
  const failing: Store = {
    ...store,
    get: (key) => (key === "bad" ? Promise.reject(new KeywardError("integrity", "bad")) : store.get(key)),
  };
  const transact = createTransact(failing);
  const [bad, good] = await Promise.allSettled([
    transact((tx) => tx.get("bad")),
    transact((tx) => tx.put("good", utf8("good"))),
  ]);
  assert.deepEqual([bad.status, good.status], ["rejected", "fulfilled"]);
  assert.equal(await store.revision(), 1);
});

test("a transaction used after its act has ended is refused", async () => {
  const transact = createTransact(openMemory());
  const escaped: Transaction[] = [];
  await transact((tx) => {
    escaped.push(tx);
  });
  for (const tx of escaped) {
    assert.throws(() => tx.put("a", utf8("")), /ended/);
    assert.throws(() => tx.delete("a"), /ended/);
    await assert.rejects(tx.get("a"), /ended/);
    await assert.rejects(tx.range({ prefix: "" }), /ended/);
  }
});

test("a write that no store could keep fails its own act alone", async () => {
  const transact = createTransact(openMemory());
  const [bad, good] = await Promise.allSettled([
    transact((tx) => tx.put("", utf8(""))),
    transact((tx) => tx.put("good", utf8(""))),
  ]);
  assert.deepEqual([bad.status, good.status], ["rejected", "fulfilled"]);
});

test("bytes wiped by an act after `put`, or after `get`, do not change what is kept", async () => {
  const store = openMemory();
  const transact = createTransact(store);
  await transact(async (tx) => {
    const bytes = Buffer.from("kept");
    tx.put("a", bytes);
    bytes.fill(0);
    (await tx.get("a"))?.fill(0);
  });
  assert.deepEqual((await store.get("a"))?.value, utf8("kept"));
});

const key = fc.constantFrom(...orderedKeys);
type Step =
  | { kind: "put"; key: string; value: number }
  | { kind: "delete" | "get"; key: string }
  | { kind: "range"; query: RangeQuery };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), key, value: fc.nat(99) }),
  fc.record({ kind: fc.constantFrom("delete" as const, "get" as const), key }),
  fc.record({
    kind: fc.constant("range" as const),
    query: fc.record(
      { prefix: fc.constantFrom("", "a", "a/"), after: key, limit: fc.nat(5), reverse: fc.boolean() },
      { requiredKeys: ["prefix"] },
    ),
  }),
);
const act = fc.record({ steps: fc.array(step, { maxLength: 12 }), throws: fc.boolean() });

function rangeOf(rows: ReadonlyMap<string, string>, query: RangeQuery): string[] {
  const { prefix, after, limit, reverse = false } = query;
  const sign = reverse ? -1 : 1;
  return [...rows]
    .filter(([one]) => one.startsWith(prefix) && (after === undefined || sign * compareKeys(one, after) > 0))
    .sort(([a], [b]) => sign * compareKeys(a, b))
    .slice(0, limit)
    .map(([one, value]) => `${one}=${value}`);
}

/** Each read in an act gives what a plain map gives. */
async function play(tx: Transaction, rows: Map<string, string>, steps: readonly Step[]) {
  for (const one of steps) {
    switch (one.kind) {
      case "put":
        tx.put(one.key, utf8(String(one.value)));
        rows.set(one.key, String(one.value));
        break;
      case "delete":
        tx.delete(one.key);
        rows.delete(one.key);
        break;
      case "get": {
        const value = await tx.get(one.key);
        assert.equal(value === null ? undefined : fromUtf8(value, one.key), rows.get(one.key));
        break;
      }
      case "range": {
        const found = await tx.range(one.query);
        assert.deepEqual(
          found.map((record) => `${record.key}=${fromUtf8(record.value, record.key)}`),
          rangeOf(rows, one.query),
        );
      }
    }
  }
}

test("any acts, grouped anyhow, read and write as one after another on a plain map", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 12 }),
      fc.integer({ min: 1, max: 6 }),
      async (acts, maxGroup) => {
        const store = openMemory();
        const transact = createTransact(store, { maxGroup });
        let rows = new Map<string, string>();
        const outcomes = acts.map(({ steps, throws }) =>
          transact(async (tx) => {
            const draft = new Map(rows);
            await play(tx, draft, steps);
            if (throws) throw new RangeError("meant");
            rows = draft;
          }).catch((error: unknown) => assert.ok(throws && error instanceof RangeError, String(error))),
        );
        await Promise.all(outcomes);
        const kept = await store.range({ prefix: "" });
        assert.deepEqual(
          kept.map((record) => `${record.key}=${fromUtf8(record.value, "")}`),
          rangeOf(rows, { prefix: "" }),
        );
      },
    ),
    { numRuns: 200 },
  );
});
