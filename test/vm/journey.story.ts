/** A machine that boots with an empty disk and has every key from the seed in its firmware alone. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./cache.ts";
import { boot } from "./machine.ts";
import { createTcgMachine } from "./tcg.ts";

test("from an empty disk to its keys, over two power cuts and a reboot", async (t) => {
  const machine = createTcgMachine();
  t.after(() => machine.remove());
  const program = "journey";

  const cut = await boot(t, machine, { program, cut: "seed stored" });
  assert.equal(cut.install, "made the machine's seed");
  const formatted = await boot(t, machine, { program, cut: "disk formatted" });
  assert.equal(formatted.install, "the seed is there");
  const first = await boot(t, machine, { program });
  assert.equal(first.file, "new");
  const second = await boot(t, machine, { program });

  await t.test("after a reboot the machine is the same one", () => {
    assert.equal(second.seed, cut.seed);
    assert.equal(second["host key"], formatted["host key"]);
    assert.deepEqual(second, { ...first, file: "here since the first boot" });
  });

  const executable = readFileSync(join(root, "dist/exe/keyward"));
  const files = [{ kind: "file", path: "usr/bin/keyward", mode: 0o755, content: executable }] as const;
  const third = await boot(t, machine, { program, files });
  await t.test("the single executable makes the same keys", () => assert.deepEqual(third, second));

  await t.test("its disk in another machine stays closed", async (t) => {
    const other = createTcgMachine({ disk: machine.disk });
    t.after(() => other.remove());
    await boot(t, other, { program: "foreign", words: { KW_PHASE: "disk" } });
  });

  await t.test("its variables in another machine give no seed", async (t) => {
    const other = createTcgMachine({ variables: machine.variables });
    t.after(() => other.remove());
    await boot(t, other, { program: "foreign", words: { KW_PHASE: "variables" } });
  });
});
