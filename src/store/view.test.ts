import assert from "node:assert/strict";
import { it } from "node:test";
import { openMemory } from "./memory.ts";
import type { Store } from "./store.ts";
import { createTable } from "./table.ts";
import { createTransact } from "./transaction.ts";
import { openView } from "./view.ts";

interface Row {
  readonly id: string;
  readonly value: number;
}
const table = createTable<Row>("rows/", (row) => row.id);

it("a view holds what was there, and what changes, before the change is answered", async () => {
  const store = openMemory();
  const transact = createTransact(store);
  await transact((tx) => {
    for (let i = 0; i < 2500; i++) table.put(tx, { id: `r${i}`, value: i });
  });
  const changes: [string, number | null][] = [];
  const view = openView(store, table, { onChange: (id, row) => changes.push([id, row?.value ?? null]) });
  await view.ready;
  assert.equal(view.size, 2500);
  changes.length = 0;
  await transact((tx) => {
    table.put(tx, { id: "r1", value: -1 });
    table.delete(tx, "r2");
  });
  assert.deepEqual([view.get("r1")?.value, view.get("r2"), view.size], [-1, undefined, 2499]);
  assert.deepEqual(changes, [
    ["r1", -1],
    ["r2", null],
  ]);
  view.close();
  await transact((tx) => table.delete(tx, "r1"));
  assert.equal(view.get("r1")?.value, -1);
});

it("a view is right when rows change, go and come back while it loads", async () => {
  const store = openMemory({ keepTombstones: 5 });
  const transact = createTransact(store);
  const write = (id: string, value: number | null): Promise<void> =>
    transact((tx) => (value === null ? table.delete(tx, id) : table.put(tx, { id, value })));
  for (let i = 0; i < 20; i++) await write(`r${i}`, i);
  let raced = 0;
  const racing: Store = {
    ...store,
    async range(query) {
      if (raced < 2) for (let i = 0; i < 20; i++) await write(`r${i}`, i % 3 === 0 ? null : raced);
      raced += 1;
      const page = await store.range(query);
      if (raced < 3) await write("r0", 100 + raced);
      return page;
    },
  };
  const view = openView(racing, table);
  await view.ready;
  const kept = await store.range({ prefix: "rows/" });
  assert.deepEqual(
    new Map([...view.values()].map((row) => [row.id, row])),
    new Map(kept.map(({ key, value }) => table.decode(key, value)).map((row) => [row.id, row])),
  );
  assert.ok(raced >= 2, "it started over");
});
