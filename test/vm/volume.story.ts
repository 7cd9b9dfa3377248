/** A volume as a grant describes it, on a real device-mapper: made over power cuts, opened, lost. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { boot } from "./machine.ts";
import { createUmlMachine } from "./uml.ts";

/** In the order in which a volume is made, by the programs that make it. */
const steps = [
  "lvm pvcreate",
  "lvm vgcreate",
  "lvm lvcreate",
  "cryptsetup luksFormat",
  "cryptsetup token",
  "cryptsetup open",
  "mkfs.ext4 /dev/mapper/data",
  "cryptsetup config",
  "mount ext4",
];

test("a blank disk becomes a mounted volume, whichever step the power is cut after", async (t) => {
  const machine = createUmlMachine();
  t.after(() => machine.remove());
  const seed = randomUUID();
  const at = (phase: string) => ({ program: "volume", words: { KW_PHASE: phase, KW_SEED: seed } });
  for (const cut of steps) await boot(t, machine, { ...at("make"), cut });
  await boot(t, machine, { ...at("made"), cut: "written" });
  const told = await boot(t, machine, { ...at("rebooted"), cut: "between two volume keys" });
  assert.match(told.uuid ?? "", /^[0-9a-f-]{36}$/);
  const then = await boot(t, machine, at("rekeyed"));
  assert.notEqual(then["volume key"], told["volume key"]);
  await boot(t, machine, at("foreign"));
});
