import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../../src/base/errors.ts";
import { openSqlite, type SqliteOptions } from "../../src/store/sqlite/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { closedDirectory, mountDisk } from "./disks.ts";
import { assertRefused, contentsOf, digest, temporaryDirectory } from "./store-cases.ts";

const SIZE = 2_097_152;

function write(store: Store, number: number): Promise<unknown> {
  const value = new Uint8Array(5000).fill(number % 251);
  const key = String(number).padStart(6, "0");
  return store.commit({
    compare: [],
    write: ["a", "b", "c"].map((part) => ({ kind: "put", key: `${key}/${part}`, value })),
  });
}

/** @returns How many commits were acknowledged before the disk refused one. */
async function writeUntilFull(store: Store): Promise<number> {
  for (let number = 0; ; number++) {
    try {
      await write(store, number);
    } catch (error) {
      assert.ok(isKeywardError(error, "local"), String(error));
      assert.match(error.message, /the disk is full$/);
      assert.match(error.hint ?? "", /free some space/);
      return number;
    }
  }
}

/** Every acknowledged commit whole, and nothing of the refused one. */
async function assertWhole(store: Store, commits: number): Promise<void> {
  assert.equal(await store.revision(), commits);
  const keys = (await store.range({ prefix: "" })).map(({ key }) => key);
  assert.equal(keys.length, commits * 3);
}

test("a store that may not grow further refuses the write, keeps the rest, and goes on with more room", async (t) => {
  const options: SqliteOptions = { directory: temporaryDirectory(t), maxSize: SIZE };
  let store = await openSqlite(options);
  const commits = await writeUntilFull(store);
  await assertWhole(store, commits);
  await store.close();
  store = await openSqlite({ ...options, maxSize: 2 * SIZE });
  await assertWhole(store, commits);
  await write(store, commits);
  await assertWhole(store, commits + 1);
  await store.close();
});

test("on a full disk nothing is lost or half written, and the store goes on when space returns", async (t) => {
  const disk = mountDisk(SIZE);
  if (disk === null) return t.diagnostic("no right to mount a disk: the test above stands for this one");
  t.after(disk.remove);
  const store = await openSqlite({ directory: disk.directory });
  const commits = await writeUntilFull(store);
  await assertWhole(store, commits);
  disk.fill();
  await assertRefused(write(store, commits), "local", /the disk is full$/);
  await assertWhole(store, commits);
  await store.close();
  const files = digest(disk.directory);
  await assertRefused(openSqlite({ directory: disk.directory }), "local", /the disk is full$/);
  assert.equal(digest(disk.directory), files);
  disk.grow();
  const again = await openSqlite({ directory: disk.directory });
  await assertWhole(again, commits);
  await again.close();
});

test("a running store goes on by itself when space returns", async (t) => {
  const disk = mountDisk(SIZE);
  if (disk === null) return t.diagnostic("no right to mount a disk");
  t.after(disk.remove);
  const store = await openSqlite({ directory: disk.directory });
  await write(store, 0);
  disk.fill();
  const more = await writeUntilFull(store);
  disk.grow();
  await write(store, 1 + more);
  await store.close();
  assert.match(await contentsOf(disk.directory), new RegExp(`^00000${1 + more}/c `, "m"));
});

test("a new store on a full disk is refused, and can be made once there is room", async (t) => {
  const disk = mountDisk(SIZE);
  if (disk === null) return t.diagnostic("no right to mount a disk");
  t.after(disk.remove);
  disk.fill();
  await assertRefused(openSqlite({ directory: disk.directory }), "local", /the disk is full$/);
  disk.grow();
  const store = await openSqlite({ directory: disk.directory });
  await write(store, 0);
  await store.close();
});

test("a directory that cannot be written to is refused, and left as it is", async (t) => {
  const disk = mountDisk(SIZE) ?? closedDirectory();
  t.after(disk.remove);
  const store = await openSqlite({ directory: disk.directory });
  await write(store, 0);
  await store.close();
  const before = digest(disk.directory);
  disk.protect();
  await assertRefused(openSqlite({ directory: disk.directory }), "local", /cannot be written to$/);
  assert.equal(digest(disk.directory), before);
});

test("a path where no directory can be is refused", async () => {
  for (const directory of ["/dev/null", "/dev/null/store", "/proc/store"]) {
    await assertRefused(openSqlite({ directory }), "local", new RegExp(`^${directory}: `));
  }
});
