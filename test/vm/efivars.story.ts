/** What the firmware's variables really do: each row of what src/adapters/uefi relies on. */
import { test } from "node:test";
import { boot } from "./machine.ts";
import { createTcgMachine } from "./tcg.ts";

test("efivarfs on OVMF, over three boots", async (t) => {
  const machine = createTcgMachine();
  t.after(() => machine.remove());
  await boot(t, machine, { program: "efivars-rules", cut: "written" });
  await boot(t, machine, { program: "efivars-reboot" });
  await boot(t, machine, { program: "efivars-reclaimed" });
});

test("a machine without UEFI", async (t) => {
  const machine = createTcgMachine({ firmware: "bios" });
  t.after(() => machine.remove());
  await boot(t, machine, { program: "no-uefi" });
});
