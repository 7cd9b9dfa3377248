import assert from "node:assert/strict";
import { it } from "node:test";
import type { UnixMs } from "../base/time.ts";
import { createFloodgate } from "./floodgate.ts";

it("a floodgate lets so many a minute through and tells the next one how many it held back", () => {
  let now = 5000;
  const gate = createFloodgate({ clock: () => now as UnixMs, perMinute: 2 });
  assert.deepEqual(
    [gate.pass(), gate.pass(), gate.pass(), gate.pass()],
    [{ heldBack: 0 }, { heldBack: 0 }, null, null],
  );
  now += 59_999;
  assert.equal(gate.pass(), null);
  now += 1;
  assert.deepEqual([gate.pass(), gate.pass(), gate.pass()], [{ heldBack: 3 }, { heldBack: 0 }, null]);
});

it("a clock that is set back does not close a floodgate", () => {
  let now = 500_000;
  const gate = createFloodgate({ clock: () => now as UnixMs, perMinute: 1 });
  gate.pass();
  now = 1000;
  assert.deepEqual(gate.pass(), { heldBack: 0 });
});
