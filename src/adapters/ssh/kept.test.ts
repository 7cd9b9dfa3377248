import assert from "node:assert/strict";
import { test } from "node:test";
import { createKept } from "./kept.ts";

function connections(...names: readonly string[]) {
  const closed: string[] = [];
  return {
    closed,
    all: names.map((name) => ({ since: performance.now(), close: () => void closed.push(name) })),
  };
}

test("what is given comes back once, to its own place, and is closed when nobody wants it in time", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const kept = createKept({ most: 2, idleMs: 1000, oldMs: 600_000 });
  const { closed, all } = connections("a", "b", "c");
  const [a, b, c] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];
  assert.equal(kept.give("a", a), false, "not before it starts");
  kept.start();
  assert.equal(kept.give("a", a), true);
  assert.equal(kept.give("b", b), true);
  assert.equal(kept.give("c", c), false, "so many and no more; those that are kept stay");
  assert.equal(kept.take("b"), b);
  assert.equal(kept.take("b"), null);
  t.mock.timers.tick(999);
  assert.deepEqual(closed, []);
  t.mock.timers.tick(1);
  assert.deepEqual(closed, ["a"]);
  assert.equal(kept.take("a"), null);
  assert.equal(kept.give("c", c), true);
  assert.equal(kept.give("b", { ...b, since: performance.now() - 600_000 }), false, "it is too old");
  kept.stop();
  assert.deepEqual(closed, ["a", "c"]);
  assert.equal(kept.give("b", b), false);
});
