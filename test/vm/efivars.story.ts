/** What efivarfs really does, on real firmware: each row of what src/adapters/uefi relies on. */
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
