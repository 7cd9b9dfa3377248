/** A machine's seed in a variable of its firmware. */
import { test } from "node:test";
import { boot } from "./machine.ts";
import { createTcgMachine } from "./tcg.ts";

test("a seed in a UEFI variable, over power cuts and a full store", async (t) => {
  const machine = createTcgMachine();
  t.after(() => machine.remove());
  const program = "uefi-place";
  await boot(t, machine, { program, words: { KW_PHASE: "first" }, cut: "created" });
  await boot(t, machine, { program, words: { KW_PHASE: "second" }, cut: "staged" });
  await boot(t, machine, { program, words: { KW_PHASE: "third" }, cut: "committed" });
  await boot(t, machine, { program, words: { KW_PHASE: "fourth" } });
  await boot(t, machine, { program, words: { KW_PHASE: "fifth" } });
});

test("a machine without UEFI", async (t) => {
  const machine = createTcgMachine({ firmware: "bios" });
  t.after(() => machine.remove());
  await boot(t, machine, { program: "uefi-place", words: { KW_PHASE: "absent" } });
});
