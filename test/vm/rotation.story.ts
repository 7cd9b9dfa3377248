/** The seed in the firmware is replaced, and the power goes before each step of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boot } from "./machine.ts";
import { createTcgMachine } from "./tcg.ts";

/** Where the power is cut; where the next boot finds the rotation; and by how many seeds it is then further. */
const cuts = [
  ["stage", "none", 0],
  ["stage-ledger", "staged", 1],
  ["deliver ssh/host", "staged", 1],
  ["commit", "staged", 1],
  ["commit-ledger", "committed", 1],
  ["erase", "committed", 1],
] as const;

test("a rotation of the seed survives a power cut before each of its steps", async (t) => {
  const machine = createTcgMachine();
  t.after(() => machine.remove());
  let [found, generation]: [string, number] = ["none", 1];
  for (const [cut, next, further] of [...cuts, [undefined, "none", 0] as const]) {
    const told = await boot(t, machine, { program: "rotation", ...(cut === undefined ? {} : { cut }) });
    await t.test(`generation ${generation} is found ${found} and made whole`, () => {
      assert.equal(told.found, found);
      assert.equal(told.generation, `${generation}`);
    });
    [found, generation] = [next, generation + further];
  }
});
