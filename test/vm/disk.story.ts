/** Encrypted volumes on a real device-mapper: LVM beneath, a file system above, power cuts between. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { boot } from "./machine.ts";
import { createUmlMachine } from "./uml.ts";

test("a volume from a blank disk, over power cuts and a rotation of its key", async (t) => {
  const machine = createUmlMachine();
  t.after(() => machine.remove());
  const at = (phase: string) => ({ program: "luks", words: { KW_PHASE: phase, KW_SEED: seed } });
  const seed = randomUUID();
  await boot(t, machine, { ...at("first"), cut: "logical volume" });
  await boot(t, machine, { ...at("format"), cut: "two keys" });
  const told = await boot(t, machine, { ...at("mounted"), cut: "reencrypting" });
  await boot(t, machine, at("reencrypted"));
  await t.test("nothing of what was written is readable on the disk", () => {
    assert.match(told.uuid ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(readFileSync(machine.disk).includes("written"), false);
  });
});
