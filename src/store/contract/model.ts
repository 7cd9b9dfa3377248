/** Any sequence of commits, ranges and watches, against a model that keeps the whole history. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isKeywardError } from "../../base/errors.ts";
import { compareKeys } from "../key.ts";
import type { Commit, RangeQuery, Revision, Store, Write } from "../store.ts";
import { orderedKeys, put, remove, show, showBatch } from "./cases.ts";
import type { Open } from "./contract.ts";

const keys = fc.constantFrom(...orderedKeys);
const prefixes = fc.constantFrom("", "a", "a/", "😀", "\ud7ff", "\u{10ffff}");
const writes = fc.uniqueArray(
  fc.oneof(
    fc.tuple(keys, fc.nat(99)).map(([key, n]) => put(key, String(n))),
    keys.map((key) => remove(key)),
  ),
  { selector: ({ key }) => key, maxLength: 4 },
);

type Step =
  | { kind: "commit"; write: Write[]; compare: string[]; stale: boolean }
  | { kind: "range"; query: RangeQuery }
  | { kind: "watch"; prefix: string; age: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("commit" as const),
        write: writes,
        compare: fc.array(keys, { maxLength: 2 }),
        stale: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("range" as const),
        query: fc.record(
          { prefix: prefixes, after: keys, limit: fc.nat(5), reverse: fc.boolean() },
          { requiredKeys: ["prefix"] },
        ),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("watch" as const), prefix: prefixes, age: fc.nat(20) }),
    },
  ),
  { minLength: 1, maxLength: 30 },
);

type Row = { value: Uint8Array; created: number; modified: number };
type Rows = ReadonlyMap<string, Row>;

/** All states there ever were: `states[revision]`, and the text of the batch that made each. */
class Model {
  readonly states: Rows[] = [new Map()];
  readonly writes: Write[][] = [[]];

  get revision(): number {
    return this.states.length - 1;
  }

  get rows(): Rows {
    return this.states.at(-1) ?? new Map();
  }

  commit({ compare, write }: Commit): number | null {
    if (!compare.every(({ key, modified }) => (this.rows.get(key)?.modified ?? 0) === modified)) return null;
    const effective = write.filter((one) => one.kind === "put" || this.rows.has(one.key));
    if (effective.length === 0) return this.revision;
    const next = new Map(this.rows);
    const revision = this.revision + 1;
    for (const one of effective) {
      if (one.kind === "delete") next.delete(one.key);
      else
        next.set(one.key, {
          value: one.value,
          created: this.rows.get(one.key)?.created ?? revision,
          modified: revision,
        });
    }
    this.states.push(next);
    this.writes.push(effective);
    return revision;
  }

  range({ prefix, after, limit, reverse = false }: RangeQuery): string[] {
    const sign = reverse ? -1 : 1;
    return [...this.rows]
      .filter(
        ([key]) => key.startsWith(prefix) && (after === undefined || sign * compareKeys(key, after) > 0),
      )
      .sort(([a], [b]) => sign * compareKeys(a, b))
      .slice(0, limit)
      .map(([key, row]) => show({ key, ...row } as never));
  }
}

/** A watcher, and what it believes the records to be. */
class Follower {
  readonly believed: Map<string, string>;
  readonly revisions: number[] = [];
  readonly prefix: string;
  readonly model: Model;
  readonly begun: number;

  constructor(store: Store, model: Model, prefix: string, since: number) {
    this.prefix = prefix;
    this.model = model;
    this.begun = model.revision;
    this.believed = valuesUnder(model.states[since] ?? new Map(), prefix);
    store.watch(prefix, since as Revision, (batch) => {
      this.revisions.push(batch.revision);
      const made = this.model.writes[batch.revision] ?? [];
      for (const change of batch.changes) {
        const key = change.kind === "put" ? change.record.key : change.key;
        assert.ok(key.startsWith(prefix));
        assert.equal(made.find((one) => one.key === key)?.kind, change.kind, showBatch(batch));
        if (change.kind === "delete") this.believed.delete(key);
        else this.believed.set(key, show(change.record));
      }
    });
  }

  check(): void {
    assert.deepEqual(this.believed, valuesUnder(this.model.rows, this.prefix));
    assert.deepEqual(
      this.revisions,
      [...new Set(this.revisions)].sort((a, b) => a - b),
      "in order, once",
    );
    const live = this.model.writes.flatMap((made, revision) =>
      revision > this.begun && made.some(({ key }) => key.startsWith(this.prefix)) ? [revision] : [],
    );
    assert.deepEqual(
      this.revisions.filter((revision) => revision > this.begun),
      live,
    );
  }
}

function valuesUnder(rows: Rows, prefix: string): Map<string, string> {
  const under = [...rows].filter(([key]) => key.startsWith(prefix));
  return new Map(under.map(([key, row]) => [key, show({ key, ...row } as never)]));
}

/** One step on both; the model goes first, since listeners look into it. */
async function take(step: Step, store: Store, model: Model, followers: Follower[]): Promise<void> {
  switch (step.kind) {
    case "commit": {
      const compare = step.compare.map((key) => {
        const modified = (model.rows.get(key)?.modified ?? 0) as Revision;
        return { key, modified: step.stale ? ((modified + 1) as Revision) : modified };
      });
      const wanted = { compare, write: step.write };
      const expected = model.commit(wanted);
      assert.equal(await store.commit(wanted), expected);
      return;
    }
    case "range":
      assert.deepEqual((await store.range(step.query)).map(show), model.range(step.query));
      return;
    case "watch": {
      const since = Math.max(0, model.revision - step.age);
      try {
        followers.push(new Follower(store, model, step.prefix, since));
      } catch (error) {
        assert.ok(isKeywardError(error, "compacted"), String(error));
      }
    }
  }
}

export function modelContract(open: Open): void {
  for (const keepTombstones of [1000, 3]) {
    test(`any history reads and replays as in the model, with ${keepTombstones} deletions kept`, async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (history) => {
          const store = await open({ keepTombstones });
          const model = new Model();
          const followers: Follower[] = [];
          for (const step of history) await take(step, store, model, followers);
          await Promise.resolve();
          for (const follower of followers) follower.check();
          await store.close();
        }),
        { numRuns: 60 },
      );
    });
  }
}
