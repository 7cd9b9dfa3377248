/**
 * One escrow in a process of its own, which kills itself before or after a step that changes something, for
 * `src/disk/escrow.test.ts`. Words: the device, a directory with the volume's key and what the server keeps, `before`
 * or `after`, and which step, from 1; 0: none.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLuks } from "../../src/adapters/luks/luks.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { openedSeed } from "../../src/derive/opened.ts";
import { escrowVolume, type KeptRecovery } from "../../src/disk/escrow.ts";
import { createStepwise } from "./stepwise.ts";

const [device = "", directory = "", when = "", which = "0"] = process.argv.slice(2);
const { step, run, taken } = createStepwise(when, Number(which));
const luks = createLuks(run);
const kept = join(directory, "kept.json");
const value = Secret.take(readFileSync(join(directory, "key")));
const slot = await luks.fits(device, value);
if (slot === null) throw new Error("the volume's key does not open it");

const made = await escrowVolume(
  {
    luks,
    random: systemRandom,
    idOf: (key) => openedSeed("keyward-1", Secret.copy(key.reveal())).id,
    handOver: ({ value: key, ...about }) =>
      step(() =>
        writeFileSync(kept, JSON.stringify({ ...about, key: Buffer.from(key.reveal()).toString("hex") })),
      ),
  },
  device,
  { slot, value },
  existsSync(kept)
    ? ({
        ...JSON.parse(readFileSync(kept, "utf8")),
        ...(existsSync(join(directory, "due")) ? { due: true } : {}),
      } as KeptRecovery)
    : { generation: 0 },
);
console.log(JSON.stringify({ generation: made?.generation ?? null, steps: taken() }));
