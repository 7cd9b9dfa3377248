/**
 * A volume to another volume key in a process of its own, for `src/disk/reencrypt.test.ts`, in small pieces, so that there
 * is time to kill it. Words: the device, a directory with the volume's key.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLuks } from "../../src/adapters/luks/luks.ts";
import { type RunProgram, runProgram } from "../../src/adapters/process.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { reencryptVolume } from "../../src/disk/reencrypt.ts";
import type { VersionNumber } from "../../src/model/key.ts";
import type { KeyName } from "../../src/model/name.ts";

const [device = "", directory = ""] = process.argv.slice(2);
const run: RunProgram = (program) =>
  runProgram(
    program.argv.includes("reencrypt")
      ? { ...program, argv: [...program.argv, "--hotzone-size=131072"] }
      : program,
  );
const headers = join(directory, "headers");
mkdirSync(headers, { recursive: true });
const key = { version: 1 as VersionNumber, value: Secret.take(readFileSync(join(directory, "key"))) };
const said = await reencryptVolume(
  {
    ...{ luks: createLuks(run), random: systemRandom, says: () => {}, until: new AbortController().signal },
    keepHeader: (uuid, version, sealed) => writeFileSync(join(headers, `${uuid}-${version}`), sealed),
  },
  device,
  undefined,
  "disk/db1" as KeyName,
  key,
);
console.log(JSON.stringify(said));
