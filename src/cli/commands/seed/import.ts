/** `seed import`: a gokey seed file, kept so that it gives the keys that it gave. */
import path from "node:path";
import { concat } from "../../../base/bytes.ts";
import { KeywardError } from "../../../base/errors.ts";
import { Secret } from "../../../base/secret.ts";
import { act } from "../../../command/command.ts";
import { readBytes } from "../../../command/read-file.ts";
import { integer } from "../../../command/read-flags.ts";
import type { World } from "../../../command/world.ts";
import { systemRandom } from "../../../crypto/random.ts";
import { trimPassword } from "../../../derive/gokey/password-file.ts";
import { MAX_SEED_BYTES, openSeed } from "../../../derive/gokey/seed.ts";
import { MAX_LEDGER_BYTES, openLedger } from "../../../formats/ledger/ledger.ts";
import { readSeedFacts } from "../../../formats/seed/seed.ts";
import { sealingFlags, sealingOf } from "../../../machine/seal-seed.ts";
import { openPlace, parsePlace } from "../../../machine/seed-place.ts";
import { toRotate } from "../../../seed/realms.ts";
import { sealAnew } from "../../../seed/seed.ts";
import { factsBlock, factsOf, warningsBlock } from "./describe.ts";
import { assertEmpty } from "./new.ts";

const derivations = ["0.1", "0.2"] as const;

const unseeded =
  "keys that gokey 0.1.0 or 0.1.1 made when built with Go 1.19 or newer (RSA), or gokey up to 0.1.2 without Debian's patch when built with Go 1.20 or newer (EC), came from chance: no tool gets them back with certainty. Compare a key that you have with what keyward derives";

export const importSeed = act({
  summary: "Import a gokey seed file: the same keys, and a passphrase that can change",
  words: ["GOKEY-FILE", "FILE"],
  flags: {
    derivation: {
      type: "string",
      value: "VERSION",
      choices: derivations,
      help: "0.2, or 0.1 for keys that gokey before 0.2.0 made (0.2)",
    },
    skip: { type: "string", value: "N", help: "Where in GOKEY-FILE the seed begins (0)" },
    "gokey-password-file": {
      type: "string",
      value: "FILE",
      help: "gokey's master password, white space around it taken off; asked for unless given",
    },
    ledger: { type: "string", value: "FILE", help: "List which of this ledger's realms are to be rotated" },
    ...sealingFlags,
  },
  calls: [],
  changes: true,
  examples: [
    "keyward seed import gokey.seed /etc/keyward/seed",
    "keyward seed import gokey.seed old.seed --derivation 0.1",
  ],
  notes: [
    "gokey's own password cannot change without changing every key. So the seed's input and salt are kept themselves, under an envelope of Keyward's: its passphrase changes freely. GOKEY-FILE stays as it is.",
    "Before 0.2.0 gokey derived from the public part of the file alone (CVE-2025-13353), so the two derivations give different keys. Take 0.1 only to know what is to be replaced.",
  ],
  async run({ out, world, dryRun }, { words: [source = "", file = ""], flags }) {
    const derivation = flags.derivation ?? "0.2";
    const skip = integer(flags.skip, "--skip") ?? 0;
    if (skip > MAX_SEED_BYTES) throw new KeywardError("usage", `--skip: want ${MAX_SEED_BYTES} at most`);
    const bytes = readBytes(path.resolve(world.cwd, source), "gokey seed file", skip + MAX_SEED_BYTES);
    const place = await openPlace(parsePlace(`file:${file}`, world.cwd), world);
    await assertEmpty(place);
    using password = await gokeyPassword(flags["gokey-password-file"], world);
    const { input, salt } = openSeed(bytes.subarray(skip), password, derivation);
    using material = Secret.take(concat(salt, input.reveal()));
    input.wipe();
    const { opener, openers } = sealingOf(flags, world);
    const what = { scheme: `gokey-${derivation}`, generation: 1 } as const;
    const envelope = await sealAnew(what, material, opener, openers, systemRandom);
    if (!dryRun) await place.create(envelope);
    const facts = readSeedFacts(envelope);
    const rotate = derivation === "0.1" ? realmsToRotate(flags.ledger, world) : [];
    const warnings = [...(derivation === "0.1" ? [broken(rotate.length)] : []), unseeded];
    out.show(
      { ...factsOf(facts, place.name), rotate, warnings },
      {
        blocks: [
          { kind: "lines", lines: [`${dryRun ? "would be " : ""}imported`] },
          factsBlock(facts, place.name),
          warningsBlock(warnings),
          { kind: "table", head: ["ROTATE"], rows: rotate.map((name) => [name]) },
        ],
        names: [facts.id],
      },
    );
  },
});

function broken(listed: number): string {
  const which = listed > 0 ? "every key listed below" : "every key that this seed gave";
  return `gokey before 0.2.0 threw the seed away and derived from the public part of its file (CVE-2025-13353): whoever saw the file has the keys, without the password. Replace ${which}`;
}

/** Every realm in use: none of them is safe. */
function realmsToRotate(file: string | undefined, world: World): string[] {
  if (file === undefined) return [];
  const ledger = openLedger(readBytes(path.resolve(world.cwd, file), "ledger", MAX_LEDGER_BYTES));
  if (ledger.scheme !== "gokey-0.1")
    throw new KeywardError("usage", `ledger ${JSON.stringify(file)}: is of scheme ${ledger.scheme}`);
  return toRotate(ledger, world.clock()).map(({ name }) => name);
}

async function gokeyPassword(file: string | undefined, world: World): Promise<Secret> {
  if (file === undefined) return await world.askSecret("gokey's master password: ");
  return trimPassword(readBytes(path.resolve(world.cwd, file), "password file", 1_048_576));
}
