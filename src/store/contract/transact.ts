/** What `transact` promises over a keeper: shared commits, isolation, and reads of one's own writes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { createTransact } from "../transaction.ts";
import { commit, put } from "./cases.ts";
import type { Open } from "./contract.ts";

export function transactContract(open: Open): void {
  test("32 acts at once share one commit", async () => {
    const store = await open();
    const transact = createTransact(store);
    const acts = Array.from({ length: 32 }, (_, i) => transact((tx) => tx.put(`k/${i}`, utf8("x"))));
    await Promise.all(acts);
    assert.equal(await store.revision(), 1);
    assert.equal((await store.range({ prefix: "k/" })).length, 32);
    await store.close();
  });

  test("concurrent acts that read and write one record lose no update", async () => {
    const store = await open();
    const transact = createTransact(store, { maxGroup: 10 });
    const increment = (): Promise<number> =>
      transact(async (tx) => {
        const before = Number(fromUtf8((await tx.get("n")) ?? utf8("0"), "n"));
        tx.put("n", utf8(String(before + 1)));
        return before + 1;
      });
    const counted = await Promise.all(Array.from({ length: 64 }, increment));
    assert.deepEqual(
      counted,
      Array.from({ length: 64 }, (_, i) => i + 1),
    );
    await store.close();
  });

  test("an act that throws writes nothing and does not disturb its neighbours", async () => {
    const store = await open();
    await commit(store, put("a"));
    const transact = createTransact(store);
    const [first, second, third] = await Promise.allSettled([
      transact((tx) => tx.put("b", utf8("b"))),
      transact(async (tx) => {
        tx.put("c", utf8("c"));
        tx.delete("a");
        assert.equal(await tx.get("a"), null);
        throw new Error("changed its mind");
      }),
      transact(async (tx) => [await tx.get("c"), (await tx.range({ prefix: "" })).map(({ key }) => key)]),
    ]);
    assert.equal(first.status, "fulfilled");
    assert.equal(second.status === "rejected" && String(second.reason), "Error: changed its mind");
    assert.deepEqual(third.status === "fulfilled" && third.value, [null, ["a", "b"]]);
    assert.equal(await store.revision(), 2);
    await store.close();
  });

  test("a watch hears of an act before the act answers", async () => {
    const store = await open();
    const heard: number[] = [];
    await store.watch("", await store.revision(), ({ revision }) => heard.push(revision)).caughtUp;
    await createTransact(store)((tx) => tx.put("a", utf8("a")));
    assert.deepEqual(heard, [1]);
    await store.close();
  });
}
