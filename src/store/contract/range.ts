/** What a range promises: order, bounds, pages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RangeQuery, Store } from "../store.ts";
import { commit, orderedKeys, put } from "./cases.ts";
import type { Open } from "./contract.ts";

async function keysOf(store: Store, query: RangeQuery): Promise<string[]> {
  return (await store.range(query)).map(({ key }) => key);
}

export function rangeContract(open: Open): void {
  test("a range is in the order of the keys' UTF-8 bytes, whatever order they came in", async () => {
    const store = await open();
    for (const key of orderedKeys.toReversed()) await commit(store, put(key));
    assert.deepEqual(await keysOf(store, { prefix: "" }), orderedKeys);
    assert.deepEqual(await keysOf(store, { prefix: "", reverse: true }), orderedKeys.toReversed());
    const byBytes = orderedKeys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(byBytes, orderedKeys);
    await store.close();
  });

  test("a prefix takes the keys that begin with it, itself included", async () => {
    const store = await open();
    await commit(store, ...["a", "a/", "a/b", "a/\u{10ffff}x", "a0", "b"].map((key) => put(key)));
    assert.deepEqual(await keysOf(store, { prefix: "a/" }), ["a/", "a/b", "a/\u{10ffff}x"]);
    assert.deepEqual(await keysOf(store, { prefix: "a/\u{10ffff}" }), ["a/\u{10ffff}x"]);
    assert.deepEqual(await keysOf(store, { prefix: "c" }), []);
    await store.close();
  });

  test("pages follow each other without gaps or doubles, in both directions", async () => {
    const store = await open();
    const keys = Array.from({ length: 25 }, (_, i) => `p/${String(i).padStart(2, "0")}`);
    await commit(store, put("o"), ...keys.map((key) => put(key)), put("q"));
    for (const reverse of [false, true]) {
      const read: string[] = [];
      for (let page = [""]; page.length > 0; ) {
        const after = read.at(-1);
        page = await keysOf(store, {
          prefix: "p/",
          limit: 7,
          reverse,
          ...(after === undefined ? {} : { after }),
        });
        assert.ok(page.length <= 7);
        read.push(...page);
      }
      assert.deepEqual(read, reverse ? keys.toReversed() : keys);
    }
    await store.close();
  });

  test("`after` need not be a key, nor lie under the prefix", async () => {
    const store = await open();
    await commit(store, put("p/1"), put("p/2"), put("p/3"));
    assert.deepEqual(await keysOf(store, { prefix: "p/", after: "p/1x" }), ["p/2", "p/3"]);
    assert.deepEqual(await keysOf(store, { prefix: "p/", after: "a" }), ["p/1", "p/2", "p/3"]);
    assert.deepEqual(await keysOf(store, { prefix: "p/", after: "z" }), []);
    assert.deepEqual(await keysOf(store, { prefix: "p/", after: "p/2x", reverse: true }), ["p/2", "p/1"]);
    assert.deepEqual(await keysOf(store, { prefix: "p/", after: "z", reverse: true }), ["p/3", "p/2", "p/1"]);
    assert.deepEqual(await keysOf(store, { prefix: "p/", after: "a", reverse: true }), []);
    assert.deepEqual(await keysOf(store, { prefix: "p/", limit: 0 }), []);
    await store.close();
  });
}
