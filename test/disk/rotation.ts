/**
 * One rotation in a process of its own, which kills itself before or after a step that changes something, for
 * `src/disk/rotate.test.ts`. Words: the device, a directory with the keys and what the server knows, `before` or `after`, and
 * which step, from 1; 0: none.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLuks } from "../../src/adapters/luks/luks.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import type { VolumeKey } from "../../src/disk/host.ts";
import { rotateVolume } from "../../src/disk/rotate.ts";
import type { VersionNumber } from "../../src/model/key.ts";
import type { KeyName } from "../../src/model/name.ts";
import { createStepwise } from "./stepwise.ts";

const [device = "", directory = "", when = "", which = "0"] = process.argv.slice(2);
const { step, run, taken } = createStepwise(when, Number(which));

const keyOf = (version: number): VolumeKey => ({
  version: version as VersionNumber,
  value: Secret.take(readFileSync(join(directory, `key-${version}`))),
});
const proved = (): number => Number(readFileSync(join(directory, "proved"), "utf8"));
/** As the server does: the one to come to, and what was proved last, if that is another. */
const given = proved() === 2 ? [keyOf(2)] : [keyOf(2), keyOf(1)];
const headers = join(directory, "headers");
mkdirSync(headers, { recursive: true });

const { removed } = await rotateVolume(
  {
    luks: createLuks(run),
    random: systemRandom,
    commit: (key) =>
      step(() => {
        writeFileSync(join(directory, "proved"), String(key.version));
        return true;
      }),
    keepHeader(uuid, version, sealed, only) {
      void step(() => {
        writeFileSync(join(headers, `${uuid}-${version}`), sealed);
        if (only)
          for (const name of readdirSync(headers))
            if (name !== `${uuid}-${version}`) rmSync(join(headers, name));
      });
    },
  },
  device,
  "disk/db1" as KeyName,
  given,
);
console.log(JSON.stringify({ removed, steps: taken() }));
