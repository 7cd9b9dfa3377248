/** `seed rewrap`: let something else open a seed; every key stays what it is. */
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { present } from "../../../command/read-flags.ts";
import { systemRandom } from "../../../crypto/random.ts";
import { readSeedFacts } from "../../../formats/seed/seed.ts";
import { findSeed, openersOf, seedFlags } from "../../../machine/open-seed.ts";
import { sealingOf } from "../../../machine/seal-seed.ts";
import type { SeedPlace } from "../../../model/seed-place.ts";
import { noSeed, sealAnew, unsealSeed } from "../../../seed/seed.ts";
import { factsBlock, factsOf } from "./describe.ts";

export const rewrap = act({
  summary: "Change what opens a seed: another passphrase, a key file, the machine",
  words: ["[PLACE]"],
  flags: {
    "passphrase-file": seedFlags["passphrase-file"],
    "key-file": seedFlags["key-file"],
    "new-passphrase-file": {
      type: "string",
      value: "FILE",
      help: "The new passphrase, - is stdin; typed twice at the terminal unless given",
    },
    "new-key-file": { type: "string", value: "FILE", help: "Let this key file open it from now on" },
    "new-machine": { type: "boolean", help: "Let the machine itself open it from now on" },
  },
  calls: [],
  changes: true,
  examples: ["keyward seed rewrap", "keyward seed rewrap uefi --new-machine"],
  notes: [
    "No key changes. Copies of the old file stay what they were: who has one and its passphrase has the seed, and only keyward seed rotate ends that.",
  ],
  async run({ out, world, dryRun }, { words: [word], flags }) {
    const place = await findSeed(word === undefined ? {} : { seed: word }, world);
    const envelope = await place.read("current");
    if (envelope === null) throw noSeed(place);
    await assertNoRotation(place, envelope);
    const before = await unsealSeed(envelope, openersOf(flags, world));
    using seed = before.seed;
    const { "new-passphrase-file": file, "new-key-file": keyFile, "new-machine": machine } = flags;
    const sealing = present({ "passphrase-file": file, "key-file": keyFile, machine });
    const { opener, openers } = sealingOf(sealing, world);
    const sealed = await sealAnew(before.facts, seed, opener, openers, systemRandom);
    if (!dryRun) {
      await place.stage(sealed);
      await place.commit();
      await place.erase();
    }
    const facts = readSeedFacts(sealed);
    const line = `${dryRun ? "would be " : ""}sealed anew; every key stays what it is`;
    out.show(factsOf(facts, place.name), {
      blocks: [{ kind: "lines", lines: [line] }, factsBlock(facts, place.name)],
      names: [facts.id],
    });
  },
});

/** What a rewrap left staged when it was killed is of the same generation, and may go. */
async function assertNoRotation(place: SeedPlace, envelope: Uint8Array): Promise<void> {
  const next = await place.read("next");
  if (next === null || readSeedFacts(next).generation === readSeedFacts(envelope).generation) return;
  throw new KeywardError("conflict", `${place.name}: a rotation was begun and not finished`, {
    hint: "finish it first: keyward seed rotate --resume",
  });
}
