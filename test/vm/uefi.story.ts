/** A firmware's variables: what efivarfs really does, and a machine's seed in one. */
import { test } from "node:test";
import { boot } from "./machine.ts";
import { createTcgMachine } from "./tcg.ts";

test("efivarfs does what the fake does, over three boots", async (t) => {
  const machine = createTcgMachine();
  t.after(() => machine.remove());
  await boot(t, machine, { program: "efivars", words: { KW_PHASE: "rules" }, cut: "written" });
  await boot(t, machine, { program: "efivars", words: { KW_PHASE: "afterBoot" } });
  await boot(t, machine, { program: "efivars", words: { KW_PHASE: "afterFullStore" } });
});

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
