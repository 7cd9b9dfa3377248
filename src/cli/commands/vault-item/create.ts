/** `keyward vault-item create`, `delete`. */
import { KeywardError } from "../../../base/errors.ts";
import {
  assertReaderName,
  assertVaultName,
  keysIdOf,
  type VaultKeys,
} from "../../../formats/chefvault/chefvault.ts";
import { act } from "../../command.ts";
import { isThere } from "../../data-bag/place.ts";
import type { Session } from "../../session.ts";
import { type Desk, namesIn, vaultFlags, withDesk } from "../../vault/desk.ts";
import { changeLists, withKeys } from "../../vault/lists.ts";
import { readersOf, removeVault, saveNew } from "../../vault/saving.ts";
import { askedValues, givenValues, notAsWord, valueFlags, withId } from "../../vault/values.ts";
import { openVault, readKeys } from "../../vault/vault.ts";
import { versionFlag, versionOf } from "../data-bag/convert.ts";
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
      await assertAbsent(desk, at);
      const needs = needsOf(session, desk, flags.version);
      assertReaderName(needs.reader.name);
      const empty: VaultKeys = {
        id: keysIdOf(at.name),
        admins: [needs.reader.name],
        clients: [],
        search: null,
        mode: flags["keys-mode"] ?? "default",
        wrapped: new Map(),
        next: null,
        removed: [],
        named: [],
      };
      const change = {
        addClients: namesIn(flags.clients, "-C"),
        addAdmins: namesIn(flags.admins, "-A"),
        ...(flags.search === undefined ? {} : { search: flags.search }),
      };
      const wanted = await changeLists(empty, change, desk.directory, needs.note);
      const none = { ...empty, admins: [] };
      const { lists, readers } = await withKeys(
        wanted,
        none,
        readersOf(wanted.keys),
        desk.directory,
        needs.note,
      );
      const values = (await givenValues(session, flags, at.name)) ?? (await askedValues(session, at.name));
      if (!session.dryRun)
        await saveNew(
          { ...at, place: desk.place },
          lists.keys,
          withId(at.name, values),
          readers,
          versionOf(flags.version, 3),
        );
      const made = { gained: readersOf(lists.keys), lost: [], rotated: false, values: false };
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

/** Keys without an item are what a broken creation leaves, and may be made again. */
async function assertAbsent({ place }: Desk, at: Named): Promise<void> {
  if (!(await place.hasBag(at.bag))) return;
  const ids = await place.items(at.bag);
  if (ids.includes(at.name)) throw isThere(at.bag, at.name);
  if (!ids.includes(keysIdOf(at.name))) return;
  const { keys } = await readKeys({ ...at, place });
  if (keys.next !== null) throw new KeywardError("conflict", "its keys are in the middle of a rotation");
}

function said({ out }: Session<never>, { bag, name }: Named, done: string): void {
  const line = `vault item ${bag}/${name}: ${done}`;
  out.show({ vault: bag, item: name, done }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
}
