import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemory } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { createTransact } from "../../src/store/transaction.ts";
import { type Ack, formatAck, parseAck, verifyActs, writeOne } from "./acts.ts";

async function written(): Promise<{ store: Store; acks: Ack[] }> {
  const store = openMemory();
  const transact = createTransact(store);
  const acks: Ack[] = [];
  for (let i = 0; i < 120; i++) acks.push(await writeOne(transact, i % 2, "0123456789abcdef"));
  return { store, acks };
}

function remove(store: Store, key: string): Promise<unknown> {
  return store.commit({ compare: [], write: [{ kind: "delete", key }] });
}

test("the reading back finds all acts of a store that lost none", async () => {
  const { store, acks } = await written();
  await verifyActs(store, acks);
});

test("the reading back notices a lost act, a torn one, and one of another round", async () => {
  const { store, acks } = await written();
  const other = { writer: 0, number: 60, nonce: "fedcba9876543210" };
  await assert.rejects(
    verifyActs(store, [...acks, { ...other, number: 61 }]),
    /61 was acknowledged, the last is 60/,
  );
  await assert.rejects(verifyActs(store, [other]), /is lost/);
  await remove(store, "b/1/30");
  await assert.rejects(verifyActs(store, acks), /writer 1: act 30 is torn/);
  await remove(store, "a/1/30");
  await assert.rejects(verifyActs(store, []), /writer 1: 59 acts up to 60/);
});

test("an acknowledgement that the kill cut short does not count", () => {
  const ack = { writer: 3, number: 14, nonce: "0123456789abcdef" };
  const line = formatAck(ack);
  assert.deepEqual(parseAck(line), ack);
  for (let length = 0; length < line.length; length++) assert.equal(parseAck(line.slice(0, length)), null);
});
