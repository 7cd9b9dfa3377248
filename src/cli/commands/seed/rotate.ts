/** `seed rotate`: another seed, and with it another key for each realm, without a moment in which either is lost. */
import path from "node:path";
import { createHost } from "../../../adapters/host/host.ts";
import { lockDirectory } from "../../../agent/lock.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import type { Block, Output } from "../../../command/output.ts";
import type { World } from "../../../command/world.ts";
import { systemRandom } from "../../../crypto/random.ts";
import { openLedger } from "../../../formats/ledger/ledger.ts";
import { createDelivery } from "../../../machine/ledger/deliver.ts";
import { ledgerFile, ledgerFlags } from "../../../machine/ledger/ledger.ts";
import { createLedgerFile } from "../../../machine/ledger/ledger-file.ts";
import { pin } from "../../../machine/ledger/pins.ts";
import { askedOnce, findSeed, openersOf, seedFlags } from "../../../machine/open-seed.ts";
import { currentOf } from "../../../seed/realms.ts";
import {
  type RotationParts,
  resumeRotation,
  rollBack,
  rotateSeed,
  rotationState,
} from "../../../seed/rotation.ts";
import { noSeed } from "../../../seed/seed.ts";
import { factsBlock, factsOf } from "./describe.ts";

const lines = {
  rotated: "rotated: the old seed is erased",
  resumed: "finished the rotation that was begun: the old seed is erased",
  tidied: "finished the rotation that was begun: only the tidying was left",
} as const;

export const rotate = act({
  summary: "Replace the seed, and every key of its ledger; resumed when it was broken off",
  words: ["[PLACE]"],
  flags: {
    "passphrase-file": seedFlags["passphrase-file"],
    "key-file": seedFlags["key-file"],
    ledger: ledgerFlags.ledger,
    "no-ledger": { type: "boolean", help: "Rotate a seed without a ledger: no key is delivered" },
    resume: { type: "boolean", help: "Finish a rotation that was broken off, and begin none" },
    "roll-back": {
      type: "boolean",
      help: "Back to the old seed, while it is still there: its keys are delivered again",
    },
  },
  calls: [],
  changes: true,
  examples: ["keyward seed rotate --dry-run", "keyward seed rotate uefi", "keyward seed rotate --roll-back"],
  notes: [
    "The new seed is staged beside the old one, sealed as the old one is. Then each realm's new key is delivered as the ledger says, to a file or a program; until all are, the old seed is the machine's own, and a program that needs the old key as well can derive it. Then the new seed becomes current and the old one is erased.",
    "When it is broken off, or a program fails: --resume goes on, and keys that were delivered are delivered again; so does the command without a flag, which begins another rotation where none was broken off.",
    "Versions that were retiring end with the old seed. Shares and copies of the old seed are worth nothing afterwards: split the new one.",
  ],
  async run({ out, world, progress, dryRun }, { words: [word], flags }) {
    const seed = word === undefined ? {} : { seed: word };
    const place = await findSeed(seed, world);
    const file = ledgerFile(
      { ...seed, ...(flags.ledger === undefined ? {} : { ledger: flags.ledger }) },
      world,
    );
    const ledger = flags["no-ledger"] === true ? null : createLedgerFile(file);
    if (flags.resume === true && flags["roll-back"] === true)
      throw new KeywardError("usage", "want one of --resume and --roll-back");
    if ((await place.read("current")) === null) throw noSeed(place);
    const begins = flags.resume !== true && flags["roll-back"] !== true;
    if (begins && ledger !== null && ledger.read("current") === null && ledger.read("next") === null)
      throw new KeywardError("not-found", `ledger ${JSON.stringify(file)}: there is none`, {
        hint: "name it with --ledger; for a seed that has none: --no-ledger",
      });
    // The old seed, the new one and its sealing all want the same.
    const openers = askedOnce(openersOf(flags, world));
    const parts: RotationParts = {
      place,
      ledger,
      openers,
      deliver: createDelivery(),
      random: systemRandom,
      clock: world.clock,
      onStep: (step, realm = "") => progress.say(`${step} ${realm}`),
    };
    if (dryRun) return await tellPlan(parts, out);
    const release = ledger === null ? () => {} : lock(path.dirname(file));
    try {
      if (flags["roll-back"] === true) {
        const { delivered } = await rollBack(parts);
        const line = "rolled back: the old seed is current, as it was";
        out.show(
          { did: "rolled-back", delivered },
          { blocks: [said([line]), listed("DELIVERED", delivered)], names: delivered },
        );
        return;
      }
      const rotated = flags.resume === true ? await resumeRotation(parts) : await rotateSeed(parts);
      if (rotated === null) {
        const line = "no rotation was broken off";
        out.show({ did: "nothing" }, { blocks: [said([line])], names: [] });
        return;
      }
      const { did, facts, delivered, undelivered } = rotated;
      pinNew(ledger, world);
      const answer = { did, ...factsOf(facts, place.name), delivered, undelivered };
      const blocks = [
        said([lines[did]]),
        factsBlock(facts, place.name),
        listed("DELIVERED", delivered),
        listed("NOT DELIVERED: NO PLACE IS SAID", undelivered),
      ];
      out.show(answer, { blocks, names: [facts.id] });
    } finally {
      openers.forget();
      release();
    }
  },
});

async function tellPlan(parts: RotationParts, out: Output): Promise<void> {
  const state = await rotationState(parts);
  const bytes = parts.ledger?.read("current") ?? null;
  const realms = bytes === null ? [] : openLedger(bytes).realms.filter((realm) => currentOf(realm) !== null);
  const rows = realms.map(({ name, delivery }) => [name, deliveryText(delivery)]);
  const line = {
    none: "would be rotated",
    staged: "a rotation was begun: it would go on",
    unusable: "what is staged cannot be used: --roll-back removes it",
    committed: "a rotation is all but done: it would be tidied up",
  }[state.kind];
  const blocks: Block[] = [said([line]), { kind: "table", head: ["REALM", "NEW KEY TO"], rows }];
  out.show(
    { state: state.kind, realms: realms.map(({ name }) => name) },
    { blocks, names: realms.map(({ name }) => name) },
  );
}

function deliveryText(
  delivery: { kind: string; path?: string; run?: readonly string[] } | undefined,
): string {
  if (delivery === undefined) return "nowhere: fetch it";
  return delivery.kind === "file" ? (delivery.path ?? "") : (delivery.run ?? []).join(" ");
}

const said = (text: readonly string[]): Block => ({ kind: "lines", lines: text });

const listed = (head: string, names: readonly string[]): Block => ({
  kind: "table",
  head: [head],
  rows: names.map((name) => [name]),
});

function pinNew(ledger: RotationParts["ledger"], world: World): void {
  const bytes = ledger?.read("current") ?? null;
  if (bytes !== null) pin(world, openLedger(bytes));
}

function lock(directory: string): () => void {
  return lockDirectory(directory, createHost().bootId(), {
    does: "is changing the ledger here",
    hint: "wait for it to end",
  });
}
