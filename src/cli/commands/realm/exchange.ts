/** `keyward realm export`, `import`: between a store's derived keys and a ledger's file. */

import { act } from "../../../command/command.ts";
import type { Session } from "../../../command/session.ts";
import type { Cell } from "../../../command/terminal.ts";
import { changeLedger, ledgerFile, readLedger } from "../../../machine/ledger/ledger.ts";
import { type Merged, mergeIntoLedger, mergeIntoStore } from "../../../seed/merge.ts";
import { type DeriveBody, storedRealms } from "./in-store.ts";
import { changeFlags, lookFlags } from "./realms.ts";

export const exportRealms = act({
  summary: "Take the derived keys of a store into a ledger's file, signed by the seed",
  words: ["[PREFIX]"],
  flags: changeFlags,
  calls: ["key.list", "key.show"],
  changes: true,
  examples: ["keyward realm export --ledger ./ledger", "keyward realm export web-1/ --dry-run"],
  notes: [
    "A version is never lowered: a realm that is ahead in the ledger stays. A realm that is another key there and here is a conflict, and then nothing is changed.",
  ],
  async run(session, { words: [prefix], flags }) {
    const { world, dryRun } = session;
    const stored = await storedRealms(session, prefix);
    let merged: readonly Merged[] = [];
    await changeLedger(flags, world, dryRun, (ledger, seed) => {
      const result = mergeIntoLedger(ledger, seed, stored, world.clock());
      merged = result.merged;
      return result.ledger;
    });
    show(session, merged, { ledger: ledgerFile(flags, world) });
  },
});

export const importRealms = act({
  summary: "Take a ledger's realms into a store, as derived keys",
  words: [],
  flags: lookFlags,
  calls: ["key.list", "key.show", "key.derive"],
  examples: ["keyward realm import --ledger ./ledger", "keyward realm import --dry-run"],
  notes: [
    "The ledger's signature is verified, and the key that signed it compared with the one seen before. A version is never lowered. Where a file of the ledger is put on a machine, a grant says for nodes: keyward grant add.",
  ],
  async run(session, { flags }) {
    const ledger = await readLedger(flags, session.world);
    const planned = mergeIntoStore(ledger, await storedRealms(session));
    for (const { change, realm, from = 0, to } of planned) {
      if (change !== "add" && change !== "raise") continue;
      const { name, derivation, encoding } = realm;
      const body = { derivation, encoding, number: to, expected: from } as DeriveBody;
      await session.call("key.derive", { path: { name }, body });
    }
    const { seed, sequence } = ledger;
    show(
      session,
      planned.map(({ realm, ...merged }) => merged),
      { ledger: ledgerFile(flags, session.world), seed, sequence },
    );
  },
});

const marks: Readonly<Record<Merged["change"], Cell>> = {
  add: { text: "+ add", style: "green" },
  raise: { text: "~ raise", style: "yellow" },
  keep: "  keep",
  skip: { text: "! skip", style: "red" },
};

function show({ out, dryRun }: Session<never>, merged: readonly Merged[], about: object): void {
  const rows = merged.map(({ change, name, from, to, because }) => [
    marks[change],
    name,
    from !== undefined && to !== undefined ? `${from} → ${to}` : String(to ?? from ?? ""),
    because ?? "",
  ]);
  const changed = merged.filter(({ change }) => change === "add" || change === "raise");
  out.show(
    { ...about, dryRun, realms: merged },
    {
      blocks: [{ kind: "table", head: ["CHANGE", "NAME", "VERSION", "BECAUSE"], rows }],
      names: changed.map(({ name }) => name),
    },
  );
  if (changed.length === 0) out.note("nothing to change");
}
