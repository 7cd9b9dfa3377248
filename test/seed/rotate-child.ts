/**
 * Rotates the seed of a machine below a folder, for a test that kills it. Says `at STEP` before each step; before the
 * one whose number it was told, it stays there until it is killed.
 *
 *     node rotate-child.ts ROOT PLACE STOP rotate|resume|roll-back
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { createDelivery } from "../../src/machine/ledger/deliver.ts";
import { createLedgerFile } from "../../src/machine/ledger/ledger-file.ts";
import { resumeRotation, rollBack, rotateSeed } from "../../src/seed/rotation.ts";
import { openersForTest, placeForTest } from "./machine.ts";

const [root = "", kind = "file", stop = "-1", act = "rotate"] = parseArgs({
  allowPositionals: true,
}).positionals;
let count = 0;
const parts = {
  place: await placeForTest(root, kind),
  ledger: createLedgerFile(join(root, "ledger")),
  openers: openersForTest,
  deliver: createDelivery(),
  random: systemRandom,
  clock: systemClock,
  onStep(step: string, realm = "") {
    process.stdout.write(`at ${step} ${realm}\n`);
    if (count++ === Number(stop)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
};
process.stdout.write("ready\n");
const acts: Record<string, () => Promise<unknown>> = {
  rotate: () => rotateSeed(parts),
  resume: () => resumeRotation(parts),
  "roll-back": () => rollBack(parts),
};
await acts[act]?.();
process.stdout.write("done\n");
