import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { utf8 } from "../../src/base/bytes.ts";
import { openSqlite } from "../../src/store/sqlite/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import {
  assertRefused,
  contentsOf,
  flipped,
  openChanged,
  putBack,
  type Snapshot,
  takeSnapshot,
  temporaryDirectory,
} from "./store-cases.ts";

const KEY = "records/the-one-that-is-damaged";
const SMALL = utf8("the value of a small record");
const LARGE = new Uint8Array(20_000).map((_, i) => (i * 7) % 251);

interface Case {
  readonly directory: string;
  readonly snapshot: Snapshot;
  /** All records, as text. */
  readonly whole: string;
  /** The first byte of the value at `KEY` in store.db. */
  readonly valueAt: number;
}

function put(store: Store, key: string, value: Uint8Array): Promise<unknown> {
  return store.commit({ compare: [], write: [{ kind: "put", key, value }] });
}

/** A closed store of 60 records, one of them at `KEY`, and some deletions. */
async function makeStore(t: TestContext, value: Uint8Array): Promise<Case> {
  const directory = temporaryDirectory(t);
  const store = await openSqlite({ directory });
  for (let i = 0; i < 59; i++) await put(store, `records/${i}`, new Uint8Array(40 * i).fill(i));
  await put(store, KEY, value);
  for (const key of ["records/3", "records/40"]) {
    await store.commit({ compare: [], write: [{ kind: "delete", key }] });
  }
  await store.close();
  const whole = await contentsOf(directory);
  const snapshot = takeSnapshot(directory);
  const file = snapshot.get("store.db") ?? Buffer.alloc(0);
  // The key stands in the index too; only in the record does the value follow.
  const valueAt = file.indexOf(Buffer.concat([Buffer.from(KEY), value.subarray(0, 20)])) + KEY.length;
  return { directory, snapshot, whole, valueAt };
}

async function assertDamaged(one: Case, offset: number, mask: number): Promise<string> {
  const refusal = await openChanged(
    one.directory,
    flipped(one.snapshot, "store.db", offset, mask),
    one.whole,
  );
  assert.equal(refusal?.code, "integrity", `byte ${offset} with ${mask}: ${refusal}`);
  assert.match(refusal?.hint ?? "", /restore .* from a backup/);
  return refusal?.message ?? "";
}

test("a flipped byte anywhere in a small record is found at opening: length, key, value, revisions, checksum", async (t) => {
  const one = await makeStore(t, SMALL);
  // Before the key: the cell's length and the types of the five fields. After the value: both revisions, the checksum.
  const first = one.valueAt - KEY.length - 7;
  const last = one.valueAt + SMALL.length + 1 + 1 + 4;
  for (let offset = first; offset < last; offset++) {
    for (const mask of [0x01, 0x80, 0xff]) await assertDamaged(one, offset, mask);
  }
  await t.test("and the message names the record", async () => {
    assert.match(
      await assertDamaged(one, one.valueAt, 1),
      new RegExp(`store.db: record "${KEY}" does not match`),
    );
  });
});

test("a flipped byte in a record of many pages is found at opening", async (t) => {
  const one = await makeStore(t, LARGE);
  const file = one.snapshot.get("store.db") ?? Buffer.alloc(0);
  // Bytes 3000 to 3999 of the value lie on an overflow page, in one piece.
  const inOverflow = file.indexOf(LARGE.subarray(3000, 3200));
  assert.ok(inOverflow > 0);
  for (const offset of [one.valueAt, one.valueAt + 100, inOverflow, inOverflow + 77, inOverflow + 199]) {
    for (const mask of [0x01, 0x80]) await assertDamaged(one, offset, mask);
  }
});

test("a flipped byte anywhere in the file is found, or was in nothing that is kept", async (t) => {
  const one = await makeStore(t, SMALL);
  const size = one.snapshot.get("store.db")?.length ?? 0;
  let found = 0;
  for (let offset = 0; offset < size; offset += offset < 100 ? 1 : 613) {
    const refusal = await openChanged(
      one.directory,
      flipped(one.snapshot, "store.db", offset, 0x11),
      one.whole,
    );
    if (refusal !== null) found += 1;
    // The schema's version alone cannot be told from that of a newer program.
    const codes = offset >= 60 && offset < 64 ? ["local"] : ["integrity", undefined];
    assert.ok(codes.includes(refusal?.code), `byte ${offset}: ${refusal}`);
  }
  // Much of the file is room between records.
  assert.ok(found > size / 613 / 4, `${found} of ${size / 613}`);
});

test("a byte that flips while the store is open fails the reading of that record, and no other", async (t) => {
  const one = await makeStore(t, SMALL);
  putBack(one.directory, one.snapshot);
  const store = await openSqlite({ directory: one.directory });
  // From outside: closing the file in this process would drop our lock.
  const path = join(one.directory, "store.db");
  execFileSync("dd", [`of=${path}`, "bs=1", `seek=${one.valueAt}`, "conv=notrunc"], {
    input: "T",
    stdio: ["pipe", "ignore", "ignore"],
  });
  const named = new RegExp(`record "${KEY}" does not match its checksum`);
  await assertRefused(store.get(KEY), "integrity", named);
  await assertRefused(store.range({ prefix: "records/t" }), "integrity", named);
  await assertRefused(put(store, KEY, SMALL), "integrity", named);
  assert.notEqual(await store.get("records/1"), null);
  await put(store, "records/new", SMALL);
  await store.close();
});

test("a record that was put back to an older state, checksum and all, is found out", async (t) => {
  const one = await makeStore(t, SMALL);
  const older = one.snapshot.get("store.db") ?? Buffer.alloc(0);
  putBack(one.directory, one.snapshot);
  const store = await openSqlite({ directory: one.directory });
  await put(store, KEY, utf8("the value of a newer record"));
  await store.close();
  const newer = takeSnapshot(one.directory);
  const whole = await contentsOf(one.directory);
  const page = Math.floor(one.valueAt / 4096) * 4096;
  const mixed = Buffer.from(newer.get("store.db") ?? []);
  older.copy(mixed, page, page, page + 4096);
  const refusal = await openChanged(one.directory, new Map([...newer, ["store.db", mixed]]), whole);
  assert.equal(refusal?.code, "integrity");
});

test("an older database beside a newer mark is refused, and accepted once the mark is removed", async (t) => {
  const one = await makeStore(t, SMALL);
  putBack(one.directory, one.snapshot);
  const store = await openSqlite({ directory: one.directory });
  await put(store, KEY, LARGE);
  await store.close();
  const mark = takeSnapshot(one.directory).get("store.mark") ?? Buffer.alloc(0);
  const refusal = await openChanged(
    one.directory,
    new Map([...one.snapshot, ["store.mark", mark]]),
    one.whole,
  );
  assert.match(String(refusal), /is at revision 62, but had acknowledged revision 63/);
  assert.match(refusal?.hint ?? "", /remove .*store\.mark/);
  const without = new Map([...one.snapshot].filter(([name]) => name !== "store.mark"));
  assert.equal(await openChanged(one.directory, without, one.whole), null);
});

test("a database that has vanished, or is no database, is not taken for a new store", async (t) => {
  const one = await makeStore(t, SMALL);
  const without = new Map([...one.snapshot].filter(([name]) => name !== "store.db"));
  for (const [name, changed] of [
    ["gone", without],
    ["empty", new Map([...without, ["store.db", Buffer.alloc(0)]])],
    ["text", new Map([...without, ["store.db", Buffer.from("not a database ".repeat(1000))]])],
    ["zeros", new Map([...without, ["store.db", Buffer.alloc(8192)]])],
  ] as const) {
    assert.equal((await openChanged(one.directory, changed, one.whole))?.code, "integrity", name);
  }
});
