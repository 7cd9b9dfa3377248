/** What a watch promises: every commit, in order, once, from any revision that is kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import type { Revision, Store, Watch } from "../store.ts";
import { commit, put, remove, showBatch } from "./cases.ts";
import type { Open } from "./contract.ts";

interface Heard {
  readonly batches: string[];
  readonly watch: Watch;
}

function listen(store: Store, prefix: string, since: number): Heard {
  const batches: string[] = [];
  const watch = store.watch(prefix, since as Revision, (batch) => batches.push(showBatch(batch)));
  return { batches, watch };
}

export function watchContract(open: Open): void {
  test("a watch hears commits under its prefix in order, before each commit answers", async () => {
    const store = await open();
    const { batches, watch } = listen(store, "a/", 0);
    await watch.caughtUp;
    await commit(store, put("a/1"), put("b/1"), put("a/2"));
    assert.deepEqual(batches, ["1: +a/1=a/1 +a/2=a/2"]);
    await commit(store, put("b/2"));
    await commit(store, remove("a/1"));
    assert.deepEqual(batches.slice(1), ["3: -a/1"]);
    await store.close();
  });

  test("a commit made in the same turn as the watch is heard once, before it answers", async () => {
    const store = await open();
    await commit(store, put("a", "1"));
    const { batches } = listen(store, "", 0);
    await commit(store, put("b", "2"));
    assert.deepEqual(batches, ["1: +a=1", "2: +b=2"]);
    await store.close();
  });

  test("a watch resumes after the revision that it names", async () => {
    const store = await open();
    await commit(store, put("a", "1"));
    await commit(store, put("b", "2"));
    await commit(store, remove("a"));
    await commit(store, put("c", "4"));
    const expected = ["2: +b=2", "3: -a", "4: +c=4"];
    for (const since of [1, 2, 3, 4]) {
      const { batches, watch } = listen(store, "", since);
      await watch.caughtUp;
      assert.deepEqual(batches, expected.slice(since - 1));
    }
    await store.close();
  });

  test("catching up over thousands of changes loses none", async () => {
    const store = await open();
    for (let i = 0; i < 12; i++) {
      await commit(store, ...Array.from({ length: 300 }, (_, n) => put(`k/${i}/${n}`)), put(`x/${i}`));
    }
    let changes = 0;
    const revisions: number[] = [];
    const watch = store.watch("k/", 0 as Revision, (batch) => {
      changes += batch.changes.length;
      revisions.push(batch.revision);
    });
    await watch.caughtUp;
    assert.equal(changes, 3600);
    assert.deepEqual(revisions, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await store.close();
  });

  test("a closed watch hears nothing more, even when closed by its own listener", async () => {
    const store = await open();
    await commit(store, put("a", "1"));
    await commit(store, put("a", "2"), put("b", "2"));
    const heard: number[] = [];
    const watch = store.watch("", 0 as Revision, ({ revision }) => {
      heard.push(revision);
      watch.close();
    });
    await watch.caughtUp;
    await commit(store, put("a", "3"));
    assert.equal(heard.length, 1);
    await store.close();
  });

  test("a listener that commits is heard by all in the same order", async () => {
    const store = await open();
    const first: number[] = [];
    const committed: Promise<unknown>[] = [];
    const watch = store.watch("", 0 as Revision, ({ revision }) => {
      if (revision === 1) committed.push(commit(store, put("again")));
      first.push(revision);
    });
    const second = listen(store, "", 0);
    await watch.caughtUp;
    await commit(store, put("a"));
    await Promise.all(committed);
    assert.deepEqual(first, [1, 2]);
    assert.deepEqual(second.batches, ["1: +a=a", "2: +again=again"]);
    await store.close();
  });

  test("resuming from before what is kept, or from the future, is `compacted`", async () => {
    const store = await open({ keepTombstones: 8 });
    await commit(store, put("kept"));
    for (let i = 0; i < 40; i++) {
      await commit(store, put(`k/${i}`));
      await commit(store, remove(`k/${i}`));
    }
    const newest = await store.revision();
    assert.throws(
      () => listen(store, "", 0),
      (error) => isKeywardError(error, "compacted"),
    );
    assert.throws(
      () => listen(store, "", newest + 1),
      (error) => isKeywardError(error, "compacted"),
    );
    const { batches, watch } = listen(store, "k/", newest - 4);
    await watch.caughtUp;
    assert.deepEqual(batches, [`${newest - 2}: -k/38`, `${newest}: -k/39`]);
    await store.close();
  });
}
