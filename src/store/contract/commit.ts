/** What a commit promises: all or nothing, revisions, comparisons. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import type { Revision } from "../store.ts";
import { commit, put, remove, show } from "./cases.ts";
import type { Open } from "./contract.ts";

export function commitContract(open: Open): void {
  test("a new store is at revision 0 and holds nothing", async () => {
    const store = await open();
    assert.equal(await store.revision(), 0);
    assert.equal(await store.get("a"), null);
    assert.deepEqual(await store.range({ prefix: "" }), []);
    await store.close();
  });

  test("revisions count commits; created stays, modified moves, and a key made again is created again", async () => {
    const store = await open();
    assert.equal(await commit(store, put("a", "1"), put("b", "1")), 1);
    assert.equal(await commit(store, put("a", "2")), 2);
    assert.equal(show(await store.get("a")), "a=2@1/2");
    assert.equal(await commit(store, remove("a")), 3);
    assert.equal(await store.get("a"), null);
    assert.equal(await commit(store, put("a", "4")), 4);
    assert.equal(show(await store.get("a")), "a=4@4/4");
    assert.equal(show(await store.get("b")), "b=1@1/1");
    assert.equal(await store.revision(), 4);
    await store.close();
  });

  test("a commit that changes nothing makes no revision", async () => {
    const store = await open();
    await commit(store, put("a"));
    assert.equal(await commit(store), 1);
    assert.equal(await commit(store, remove("absent")), 1);
    assert.equal(await store.revision(), 1);
    await store.close();
  });

  test("one comparison that fails keeps the whole commit out", async () => {
    const store = await open();
    await commit(store, put("a"));
    const one = 1 as Revision;
    const none = 0;
    for (const compare of [
      [{ key: "a", modified: none }],
      [{ key: "a", modified: 2 as Revision }],
      [{ key: "b", modified: one }],
      [
        { key: "a", modified: one },
        { key: "b", modified: one },
      ],
    ] as const) {
      assert.equal(await store.commit({ compare, write: [put("a", "new"), put("c")] }), null);
    }
    assert.equal(show(await store.get("a")), "a=a@1/1");
    assert.equal(await store.get("c"), null);
    assert.equal(await store.revision(), 1);
    await store.close();
  });

  test("a commit whose comparisons hold goes through", async () => {
    const store = await open();
    await commit(store, put("a"));
    const compare = [
      { key: "a", modified: 1 as Revision },
      { key: "b", modified: 0 },
    ] as const;
    assert.equal(await store.commit({ compare, write: [put("b")] }), 2);
    assert.equal(await store.commit({ compare, write: [put("b")] }), null);
    await store.close();
  });

  test("comparisons read at an older revision are looked at again", async () => {
    const store = await open();
    await commit(store, put("a"));
    const stale = { compare: [{ key: "a", modified: 1 as Revision }], asOf: 1 as Revision };
    assert.equal(await store.commit({ ...stale, write: [put("a", "2")] }), 2);
    assert.equal(await store.commit({ ...stale, write: [put("a", "3")] }), null);
    await store.close();
  });

  test("values of every size come back as they were, the empty one too", async () => {
    const store = await open();
    for (const size of [0, 1, 255, 4096, 70_000, 1_500_000]) {
      const value = Uint8Array.from({ length: size }, (_, i) => (i * 31) % 256);
      await store.commit({ compare: [], write: [{ kind: "put", key: "k", value }] });
      assert.deepEqual((await store.get("k"))?.value, value);
      assert.deepEqual((await store.range({ prefix: "k" }))[0]?.value, value);
    }
    await store.close();
  });

  test("what a caller does to its bytes before or after does not reach the store", async () => {
    const store = await open();
    const bytes = Buffer.from("kept");
    await store.commit({ compare: [], write: [{ kind: "put", key: "a", value: bytes }] });
    bytes.fill(0);
    (await store.get("a"))?.value.fill(0);
    for (const record of await store.range({ prefix: "" })) record.value.fill(0);
    assert.equal(show(await store.get("a")), "a=kept@1/1");
    await store.close();
  });

  test("keys and values that no store could keep are refused, and nothing is written", async () => {
    const store = await open();
    const huge = new Uint8Array(4_194_305);
    for (const write of [
      [put("good"), put("")],
      [put("good"), put("a\0b")],
      [put("good"), put("\ud800")],
      [put("good"), put("k".repeat(2049))],
      [put("good"), { kind: "put", key: "huge", value: huge } as const],
      [put("good"), put("good")],
      [put("good"), remove("good")],
    ]) {
      await assert.rejects(store.commit({ compare: [], write }), (error) => isKeywardError(error));
    }
    assert.equal(await store.revision(), 0);
    assert.equal(await commit(store, put("k".repeat(2048))), 1);
    await store.close();
  });

  test("a closed store refuses everything, and may be closed again", async () => {
    const store = await open();
    await store.close();
    await store.close();
    await assert.rejects(store.get("a"), /closed/);
    await assert.rejects(store.range({ prefix: "" }), /closed/);
    await assert.rejects(store.revision(), /closed/);
    await assert.rejects(store.commit({ compare: [], write: [] }), /closed/);
    assert.throws(() => store.watch("", 0 as Revision, () => {}), /closed/);
  });
}
