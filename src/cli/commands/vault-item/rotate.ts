/** `keyward vault-item rotate-keys`, `rotate-all-keys`. */
import { isKeywardError, KeywardError } from "../../../base/errors.ts";
import { changeVault } from "../../../chef/vault/changing.ts";
import { vaultFlags, withDesk } from "../../../chef/vault/desk.ts";
import { vaultsIn } from "../../../chef/vault/shown.ts";
import { act } from "../../../command/command.ts";
import type { DataBagItemId, DataBagName } from "../../../model/data-bag.ts";
import { versionFlag } from "../data-bag/convert.ts";
import { cleanUnknownFlag, named, needsOf, told } from "./flags.ts";

export const rotateKeys = act({
  summary: "Encrypt a vault item under another secret, for the same readers",
  words: ["VAULT", "ITEM"],
  flags: { ...cleanUnknownFlag, ...versionFlag, ...vaultFlags },
  calls: [],
  changes: true,
  examples: ["keyward vault-item rotate-keys passwords root"],
  notes: ["Clients that are gone are taken off its lists. Run again it ends a rotation that was broken off."],
  async run(session, { words: [vault, item], flags }) {
    const at = named(vault, item);
    await withDesk(session, flags, async (desk) => {
      const change = { rotate: true, cleanUnknown: flags["clean-unknown-clients"] === true };
      const changed = await changeVault(
        { ...at, place: desk.place },
        change,
        needsOf(session, desk, flags.version),
      );
      told(session, at, changed);
    });
  },
});

interface Row {
  readonly vault: string;
  readonly item: string;
  readonly done: string;
}

export const rotateAllKeys = act({
  summary: "Rotate the keys of every vault item in every bag",
  words: [],
  flags: { ...cleanUnknownFlag, ...versionFlag, ...vaultFlags },
  calls: [],
  changes: true,
  examples: ["keyward vault-item rotate-all-keys --dry-run", "keyward vault-item rotate-all-keys"],
  notes: [
    "One that cannot be opened by this reader, or is changed meanwhile, is listed and stops no other one; the command then ends with 7. Run it again when it was broken off.",
  ],
  async run(session, { flags }) {
    const { out, progress, world } = session;
    await withDesk(session, flags, async (desk) => {
      const needs = needsOf(session, desk, flags.version);
      const change = { rotate: true, cleanUnknown: flags["clean-unknown-clients"] === true };
      const rows: Row[] = [];
      let failed = 0;
      for (const bag of (await desk.place.bags()) as DataBagName[])
        for (const name of (await vaultsIn(desk.place, bag)) as DataBagItemId[]) {
          if (world.interrupted.aborted)
            throw new KeywardError("local", `interrupted after ${rows.length} items`);
          progress.say(`${rows.length} done  ${bag}/${name}`);
          try {
            await changeVault({ place: desk.place, bag, name }, change, needs);
            rows.push({ vault: bag, item: name, done: session.dryRun ? "would be rotated" : "rotated" });
          } catch (error) {
            if (!isKeywardError(error)) throw error;
            failed++;
            rows.push({ vault: bag, item: name, done: `${error.code}: ${error.message}` });
          }
        }
      progress.end();
      out.show(
        { items: rows },
        {
          blocks: [
            {
              kind: "table",
              head: ["VAULT", "ITEM", "DONE"],
              rows: rows.map(({ vault, item, done }) => [vault, item, done]),
            },
          ],
          names: rows.map(({ vault, item }) => `${vault}/${item}`),
        },
      );
      if (failed > 0)
        throw new KeywardError("integrity", `${failed} of ${rows.length} vault items were not rotated`);
    });
  },
});
