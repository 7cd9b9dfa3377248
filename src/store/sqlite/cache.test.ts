import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../store.ts";
import { createCache } from "./cache.ts";
import type { CheckedRecord } from "./row.ts";

function record(key: string, size: number): CheckedRecord {
  const one = 1 as Revision;
  return { record: { key, value: new Uint8Array(size), created: one, modified: one }, crc: 0 };
}

test("what was used longest ago goes first", () => {
  const cache = createCache(100_000);
  for (let i = 0; i < 90; i++) {
    cache.set(record(String(i), 780));
    cache.get("0");
  }
  for (let i = 90; i < 110; i++) cache.set(record(String(i), 780));
  assert.notEqual(cache.get("0"), undefined);
  assert.equal(cache.get("1"), undefined);
  assert.notEqual(cache.get("109"), undefined);
});

test("a record that is set again counts once, and one that is deleted not at all", () => {
  const cache = createCache(100_000);
  for (let i = 0; i < 1000; i++) cache.set(record("same", 780));
  for (let i = 0; i < 1000; i++) {
    cache.set(record("gone", 780));
    cache.delete("gone");
  }
  for (let i = 0; i < 95; i++) cache.set(record(String(i), 780));
  assert.notEqual(cache.get("same"), undefined);
  assert.equal(cache.get("gone"), undefined);
});

test("a record too large for its share is not kept, nor the smaller one that it replaces", () => {
  const cache = createCache(100_000);
  cache.set(record("a", 10));
  cache.set(record("a", 2000));
  assert.equal(cache.get("a"), undefined);
});
