/** `keyward realm deliver`: the keys of a ledger to where it says that they are read, on a machine without a server. */

import { act } from "../../../command/command.ts";
import { createDelivery } from "../../../machine/ledger/deliver.ts";
import { readLedger } from "../../../machine/ledger/ledger.ts";
import { openSeed } from "../../../machine/open-seed.ts";
import { handOver } from "../../../seed/handover.ts";
import { findRealm } from "../../../seed/realms.ts";
import { changeFlags } from "./realms.ts";

export const deliver = act({
  summary: "Derive the keys of a ledger, and put each where the ledger says",
  words: ["[REALM...]"],
  flags: changeFlags,
  calls: [],
  changes: true,
  examples: ["keyward realm deliver", "keyward realm deliver web-1/ssh"],
  notes: [
    "For a machine at its boot: its files and programs have their keys from the seed alone. A file that is current is not written again; its program runs all the same.",
  ],
  async run({ world, out, dryRun }, { words, flags }) {
    using machine = await openSeed(flags, world);
    const ledger = await readLedger(flags, world, machine.seed);
    const realms = words.length === 0 ? ledger.realms : words.map((name) => findRealm(ledger, name));
    const put = dryRun ? async () => {} : createDelivery();
    const { delivered, undelivered } = await handOver({ realms }, machine.seed, put);
    const of = (names: readonly string[]): string => names.join(", ");
    const lines = [
      ...(delivered.length === 0 ? [] : [`${dryRun ? "would be delivered" : "delivered"}: ${of(delivered)}`]),
      ...(undelivered.length === 0
        ? []
        : [`not delivered, since the ledger names no place: ${of(undelivered)}`]),
    ];
    const blocks = [
      { kind: "lines", lines: lines.length === 0 ? ["there is nothing to deliver"] : lines } as const,
    ];
    out.show({ delivered, undelivered }, { blocks, names: delivered });
  },
});
