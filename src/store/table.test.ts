import assert from "node:assert/strict";
import { it } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { openMemory } from "./memory.ts";
import { createTable } from "./table.ts";
import { createTransact } from "./transaction.ts";
import { openView } from "./view.ts";

interface Row {
  readonly id: string;
  readonly value?: Json | undefined;
}
const table = createTable<Row>("rows/", (row) => row.id);

function nested(levels: number): Json {
  let value: Json = "x";
  for (let i = 0; i < levels; i++) value = { a: value };
  return value;
}

it("a row that could not be read again is not written, and disturbs nobody", async () => {
  const store = openMemory();
  const transact = createTransact(store);
  const view = openView(store, table);
  await view.ready;
  const bad: Json[] = [
    nested(60),
    Array.from({ length: 400_001 }, () => 0),
    "x".repeat(4_194_304),
    JSON.parse('{"__proto__": 1}') as Json,
  ];
  const good = transact((tx) => table.put(tx, { id: "good", value: nested(40) }));
  const put = (value: Json) => transact((tx) => table.put(tx, { id: "bad", value }));
  const outcomes = await Promise.allSettled(bad.map(put));
  await good;
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected");
    assert.ok(isKeywardError(outcome.reason, "too-large") || isKeywardError(outcome.reason, "malformed"));
    assert.match(outcome.reason.message, /record rows\/bad/);
  }
  assert.deepEqual(view.get("good"), { id: "good", value: nested(40) });
  assert.equal(view.get("bad"), undefined);
  view.close();
});

it("a member that is not there is not written", async () => {
  const store = openMemory();
  const transact = createTransact(store);
  const read = await transact((tx) => {
    table.put(tx, { id: "a", value: undefined });
    return table.get(tx, "a");
  });
  assert.deepEqual(read, { id: "a" });
});
