/** `seed new`, `seed install`: seeds that were not there before. */

import path from "node:path";
import { isKeywardError, KeywardError } from "../../../base/errors.ts";
import { Secret } from "../../../base/secret.ts";
import { act } from "../../../command/command.ts";
import type { Output } from "../../../command/output.ts";
import { readBytes } from "../../../command/read-file.ts";
import { systemRandom } from "../../../crypto/random.ts";
import { SEED_BYTES } from "../../../derive/keyward-1/keyward-1.ts";
import { MAX_ENVELOPE_BYTES, readSeedFacts } from "../../../formats/seed/seed.ts";
import { type Sealing, saysSealing, sealingFlags, sealingOf } from "../../../machine/seal-seed.ts";
import { openPlace, parsePlace } from "../../../machine/seed-place.ts";
import { printable } from "../../../model/name.ts";
import type { SeedPlace } from "../../../model/seed-place.ts";
import { noSeed, sealAnew } from "../../../seed/seed.ts";
import { factsBlock, factsOf, openedBy, warningsBlock, warningsOf } from "./describe.ts";
import { staged } from "./staged.ts";
import { openTarget, targetFlags } from "./target.ts";

export const create = act({
  summary: "Make a seed, in a new file",
  words: ["FILE"],
  flags: sealingFlags,
  calls: [],
  changes: true,
  examples: ["keyward seed new /etc/keyward/seed", "keyward seed new seed --key-file /root/seed.key"],
  notes: [
    "A seed is 32 random bytes from which keys follow; whoever loses it loses them all. Split it, or keep a copy of its file elsewhere: keyward seed split --help.",
  ],
  async run({ out, world, dryRun }, { words: [file = ""], flags }) {
    const place = await openPlace(parsePlace(`file:${file}`, world.cwd), world);
    await assertEmpty(place);
    const envelope = await newEnvelope(sealingOf(flags, world));
    if (dryRun) return tellPlan(out, place, envelope);
    await place.create(envelope);
    tell(out, place, envelope, "made a seed");
  },
});

export const install = act({
  summary: "Make this machine's seed on its first boot; on others, see to its protection",
  words: ["[PLACE]"],
  flags: {
    ...targetFlags,
    from: {
      type: "string",
      value: "FILE",
      help: "Put this sealed seed there, as it is, instead of a new one",
    },
    ...sealingFlags,
  },
  calls: [],
  changes: true,
  examples: [
    "keyward seed install --uefi",
    "keyward seed install --systemd-creds",
    "keyward seed install --file /etc/keyward/seed --key-file /root/seed.key",
  ],
  notes: [
    "Run it at every boot, as root and early: a UEFI variable is readable by everybody again after each boot, and is closed here. A seed that is there is never replaced.",
    "The machine itself opens the seed unless a flag says otherwise.",
  ],
  async run({ out, world, dryRun }, { words: [word], flags }) {
    const place = await openTarget(flags, word, world);
    const mended = dryRun
      ? (await place.inspect()).warnings.map((what) => `would be set right: ${what}`)
      : (await place.protect()).map((what) => `set right: ${what}`);
    if ((await place.read("current")) === null) {
      await assertEmpty(place);
      const envelope =
        flags.from === undefined
          ? await newEnvelope(sealingOf(flags, world, "machine"))
          : givenEnvelope(path.resolve(world.cwd, flags.from), saysSealing(flags));
      if (dryRun) return tellPlan(out, place, envelope, mended);
      if (await createFirst(place, envelope)) {
        tell(out, place, envelope, "made the machine's seed", mended);
        return;
      }
    }
    const there = await place.read("current");
    if (there === null) throw noSeed(place);
    const { warnings } = await staged(place);
    tell(out, place, there, "the seed is there", [...mended, ...warnings]);
  },
});

/** @returns `false` when another one was quicker. */
async function createFirst(place: SeedPlace, envelope: Uint8Array): Promise<boolean> {
  try {
    await place.create(envelope);
    return true;
  } catch (error) {
    if (isKeywardError(error, "conflict")) return false;
    throw error;
  }
}

async function newEnvelope({ opener, openers }: Sealing): Promise<Uint8Array> {
  using seed = Secret.take(systemRandom(SEED_BYTES));
  return await sealAnew({ scheme: "keyward-1", generation: 1 }, seed, opener, openers, systemRandom);
}

function givenEnvelope(file: string, sealing: boolean): Uint8Array {
  if (sealing)
    throw new KeywardError("usage", "--from takes the sealed seed as it is: say nothing of what opens it", {
      hint: "to seal it anew on the way: keyward seed recover --from FILE",
    });
  const envelope = readBytes(file, "seed file", MAX_ENVELOPE_BYTES);
  readSeedFacts(envelope);
  return envelope;
}

/** Before anybody types a passphrase. @throws KeywardError `conflict` */
export async function assertEmpty(place: SeedPlace): Promise<void> {
  for (const slot of ["current", "next"] as const) {
    if ((await place.read(slot)) === null) continue;
    throw new KeywardError(
      "conflict",
      `${place.name}: there is a seed already${slot === "next" ? ", staged" : ""}`,
      {
        hint: "a seed is never overwritten: keyward seed show tells which it is",
      },
    );
  }
}

/** The seed in `envelope` is thrown away: its id would be read as that of the one to come. */
function tellPlan(out: Output, place: SeedPlace, envelope: Uint8Array, mended: readonly string[] = []): void {
  const { id: _, ...answer } = factsOf(readSeedFacts(envelope), place.name);
  const line = "would be made: a seed";
  const fields: [string, string][] = [
    ["place", place.name],
    ["opened by", openedBy(readSeedFacts(envelope).opener)],
  ];
  out.show(
    { ...answer, done: line, dryRun: true, warnings: mended },
    {
      blocks: [
        { kind: "lines", lines: [line] },
        { kind: "fields", fields },
        warningsBlock(mended.map(printableLine)),
      ],
      names: [],
    },
  );
}

function tell(
  out: Output,
  place: SeedPlace,
  envelope: Uint8Array,
  line: string,
  mended: readonly string[] = [],
): void {
  const facts = readSeedFacts(envelope);
  const warnings = [...mended, ...warningsOf(facts, place)];
  out.show(
    { ...factsOf(facts, place.name), done: line, warnings },
    {
      blocks: [
        { kind: "lines", lines: [line] },
        factsBlock(facts, place.name),
        warningsBlock(warnings.map(printableLine)),
      ],
      names: [facts.id],
    },
  );
}

function printableLine(text: string): string {
  return text.length > 400 ? printable(text) : text;
}
