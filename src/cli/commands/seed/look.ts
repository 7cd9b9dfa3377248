/** `seed show`: what is safe to show of a seed. Nothing is opened. */

import { act } from "../../../command/command.ts";
import type { Block } from "../../../command/output.ts";
import { readSeedFacts } from "../../../formats/seed/seed.ts";
import { findSeed } from "../../../machine/open-seed.ts";
import { noSeed } from "../../../seed/seed.ts";
import { factsBlock, factsOf, fingerprint, warningsBlock, warningsOf } from "./describe.ts";
import { staged } from "./staged.ts";

export const show = act({
  summary: "Show which seed is in a place, and what opens it; never the seed",
  words: ["[PLACE]"],
  flags: {},
  calls: [],
  examples: ["keyward seed show", "keyward seed show uefi", "keyward seed show /etc/keyward/seed -o json"],
  notes: [
    "PLACE is a file, uefi, systemd-creds or credential:NAME; without it the machine's usual one. Damage is found without opening the seed. What is shown is vouched for only by an opening.",
  ],
  async run({ out, world }, { words: [word] }) {
    const place = await findSeed(word === undefined ? {} : { seed: word }, world);
    const envelope = await place.read("current");
    if (envelope === null) throw noSeed(place);
    const facts = readSeedFacts(envelope);
    const [{ mode, warnings: wrong }, next] = [await place.inspect(), await staged(place)];
    const warnings = [...wrong, ...warningsOf(facts, place), ...next.warnings];
    const more = { mode, envelope: fingerprint(envelope), next: next.facts, warnings };
    const details: Block = {
      kind: "fields",
      fields: [
        ["mode", mode === undefined ? undefined : mode.toString(8).padStart(4, "0")],
        ["envelope", fingerprint(envelope)],
        ["staged", next.line],
      ],
    };
    out.show(
      { ...factsOf(facts, place.name), ...more },
      { blocks: [factsBlock(facts, place.name), details, warningsBlock(warnings)], names: [facts.id] },
    );
  },
});
