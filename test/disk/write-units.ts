/**
 * Units written in a process of its own, which kills itself at a step that changes a file, for
 * `src/disk/unit-plan.test.ts`. Words: where `/` is, and before which step, from 1. Standard input: the volume.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { text } from "node:stream/consumers";

const [root = "", which = "0"] = process.argv.slice(2);
let left = Number(which);

for (const name of ["writeFileSync", "renameSync"] as const) {
  const real = fs[name] as (...words: unknown[]) => unknown;
  Object.assign(fs, {
    [name](...words: unknown[]) {
      if (--left === 0) process.kill(process.pid, "SIGKILL");
      return real(...words);
    },
  });
}
syncBuiltinESMExports();

const { createUnitPlaces } = await import("../../src/adapters/systemd/unit-places.ts");
const { planUnits } = await import("../../src/disk/unit-plan.ts");
const delivery = JSON.parse(await text(process.stdin));
const places = createUnitPlaces(root);
for (const { path, before, after } of planUnits(delivery, places)) places.replace(path, before, after);
