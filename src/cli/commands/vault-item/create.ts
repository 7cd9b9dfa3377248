/** `keyward vault-item create`, `delete`. */
import type { ExactJson } from "../../../base/exact-json.ts";
import { assertAbsent, createVault } from "../../../chef/vault/creating.ts";
import { namesIn, vaultFlags, withDesk } from "../../../chef/vault/desk.ts";
import { removeVault } from "../../../chef/vault/saving.ts";
import { askedValues, givenValues, notAsWord, valueFlags } from "../../../chef/vault/values.ts";
import { openVault } from "../../../chef/vault/vault.ts";
import { act } from "../../../command/command.ts";
import type { Session } from "../../../command/session.ts";
import { assertVaultName } from "../../../formats/chefvault/chefvault.ts";
import { versionFlag } from "../data-bag/convert.ts";
import { keysModeFlag, type Named, named, needsOf, readerFlags, told } from "./flags.ts";

export const create = act({
  summary: "Make a vault item, encrypted for the readers named and found",
  words: ["VAULT", "ITEM"],
  flags: { ...readerFlags, ...valueFlags, ...keysModeFlag, ...versionFlag, ...vaultFlags },
  calls: [],
  changes: true,
  tooMany: notAsWord,
  examples: [
    "keyward vault-item create passwords root -S 'role:webserver' -A alice,bob -J values.json --chef-server https://chef.example.com/organizations/acme --chef-user alice --chef-key alice.pem",
    "keyward vault-item create passwords root -C web1,web2 -M client < values.json",
  ],
  notes: [
    "Whoever makes it is one of its admins. Values come from -J, --file or standard input; at a terminal from $EDITOR, on a file in memory.",
    "A search is asked of the Chef server, or of nodes/ in the repository; public keys come from there, or from clients/ and users/.",
  ],
  async run(session, { words: [vault, item], flags }) {
    const at = named(vault, item);
    assertVaultName(at.name);
    await withDesk(session, flags, async (desk) => {
      await assertAbsent(desk.place, at);
      const needs = needsOf(session, desk, flags.version);
      const wanted = {
        addClients: namesIn(flags.clients, "-C"),
        addAdmins: namesIn(flags.admins, "-A"),
        ...(flags.search === undefined ? {} : { search: flags.search }),
        mode: flags["keys-mode"] ?? ("default" as const),
      };
      const values = async (): Promise<ReadonlyMap<string, ExactJson>> =>
        (await givenValues(session, flags, at.name)) ?? (await askedValues(session, at.name));
      const readers = await createVault({ ...at, place: desk.place }, wanted, values, needs);
      const made = { gained: readers, lost: [], rotated: false, values: false };
      told(session, at, made, "made");
    });
  },
});

export const remove = act({
  summary: "Delete a vault item and all its keys",
  words: ["VAULT", "ITEM"],
  flags: vaultFlags,
  calls: [],
  changes: true,
  examples: [
    "keyward vault-item delete passwords root --dry-run",
    "keyward vault-item delete passwords root",
  ],
  notes: ["It wants a reader's key, as everything else: a vault is not deleted by who cannot open it."],
  async run(session, { words: [vault, item], flags }) {
    const at = named(vault, item);
    await withDesk(session, flags, async (desk) => {
      using opened = await openVault({ ...at, place: desk.place }, desk.reader());
      if (!session.dryRun) await removeVault(opened);
      said(session, at, session.dryRun ? "would be deleted" : "deleted");
    });
  },
});

function said({ out }: Session<never>, { bag, name }: Named, done: string): void {
  const line = `vault item ${bag}/${name}: ${done}`;
  out.show({ vault: bag, item: name, done }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
}
