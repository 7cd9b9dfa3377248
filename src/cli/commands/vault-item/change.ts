/** `keyward vault-item update`, `edit`, `remove`, `refresh`. */
import { KeywardError } from "../../../base/errors.ts";
import { inEditor } from "../../../chef/data-bag/editor.ts";
import { changeVault, type VaultChange } from "../../../chef/vault/changing.ts";
import { namesIn, vaultFlags, withDesk } from "../../../chef/vault/desk.ts";
import { givenValues, notAsWord, valueFlags, withId } from "../../../chef/vault/values.ts";
import { openVault } from "../../../chef/vault/vault.ts";
import { act } from "../../../command/command.ts";
import { PlainItem } from "../../../formats/databag/databag.ts";
import { printable } from "../../../model/name.ts";
import { versionFlag } from "../data-bag/convert.ts";
import { cleanUnknownFlag, keysModeFlag, named, needsOf, readerFlags, told } from "./flags.ts";

export const update = act({
  summary: "Change values, add readers, or keep the keys in another mode",
  words: ["VAULT", "ITEM"],
  flags: {
    ...readerFlags,
    ...valueFlags,
    ...keysModeFlag,
    clean: { type: "boolean", help: "Take every client away before the search and -C" },
    ...versionFlag,
    ...vaultFlags,
  },
  calls: [],
  changes: true,
  tooMany: notAsWord,
  examples: [
    "keyward vault-item update passwords root -J values.json",
    "keyward vault-item update passwords root -S 'role:webserver' -C web9 -A carol",
    "keyward vault-item update passwords root --clean -S 'role:api' --dry-run",
    "keyward vault-item update passwords root -K sparse",
  ],
  notes: [
    "Values that are given take the place of those of the same name. When somebody loses access the secret is another one afterwards.",
  ],
  async run(session, { words: [vault, item], flags }) {
    const at = named(vault, item);
    await withDesk(session, flags, async (desk) => {
      const values = await givenValues(session, flags, at.name);
      const { search, "keys-mode": mode, clean } = flags;
      const change: VaultChange = {
        addClients: namesIn(flags.clients, "-C"),
        addAdmins: namesIn(flags.admins, "-A"),
        clean: clean === true,
        wrapAgain: search !== undefined,
        ...(search === undefined ? {} : { search }),
        ...(mode === undefined ? {} : { mode }),
        ...(values === null
          ? {}
          : { values: (plain: PlainItem) => new PlainItem(new Map([...plain.members(), ...values])) }),
      };
      const changed = await changeVault(
        { ...at, place: desk.place },
        change,
        needsOf(session, desk, flags.version),
      );
      told(session, at, changed);
    });
  },
});

export const edit = act({
  summary: "Edit a vault item in $VISUAL or $EDITOR",
  words: ["VAULT", "ITEM"],
  flags: { ...versionFlag, ...vaultFlags },
  calls: [],
  changes: true,
  examples: ["keyward vault-item edit passwords root"],
  notes: [
    "The editor works on a file in memory that only its owner may read and that is gone afterwards. When somebody else has changed the item meanwhile, theirs stays and the command ends with 6.",
  ],
  async run(session, { words: [vault, item], flags }) {
    const at = named(vault, item);
    await withDesk(session, flags, async (desk) => {
      const needs = needsOf(session, desk, flags.version);
      const where = { ...at, place: desk.place };
      using opened = await openVault(where, needs.reader);
      const edited = await inEditor(session, opened.plain, at.name);
      if (edited === null) return told(session, at, { gained: [], lost: [], rotated: false, values: false });
      const values = (now: PlainItem): PlainItem => {
        assertAsRead(now, opened.plain);
        return withId(at.name, new Map([...edited.members()].filter(([name]) => name !== "id")));
      };
      told(session, at, await changeVault(where, { values }, needs));
    });
  },
});

export const remove = act({
  summary: "Take readers or values away; the secret is another one afterwards",
  words: ["VAULT", "ITEM", "[NAMES]"],
  flags: { ...readerFlags, ...cleanUnknownFlag, ...versionFlag, ...vaultFlags },
  calls: [],
  changes: true,
  examples: [
    "keyward vault-item remove passwords root -C web1",
    "keyward vault-item remove passwords root username -A bob --dry-run",
  ],
  notes: [
    "NAMES are names of values, with commas between them. -S takes away whom this search finds; the stored search stays. Who was removed is not brought back by a refresh, only by name or by giving the search again.",
  ],
  async run(session, { words: [vault, item, names], flags }) {
    const at = named(vault, item);
    const [clients, admins] = [namesIn(flags.clients, "-C"), namesIn(flags.admins, "-A")];
    const gone = new Set(namesIn(names, "NAMES"));
    if (gone.size + clients.length + admins.length === 0 && flags.search === undefined)
      throw new KeywardError("usage", "want NAMES, -C, -A or -S: what is to be taken away");
    await withDesk(session, flags, async (desk) => {
      const found = flags.search === undefined ? [] : await desk.directory.search(flags.search);
      const values = (plain: PlainItem): PlainItem => {
        for (const name of gone)
          if (plain.get(name) === undefined) session.out.note(`${printable(name)}: is no value of it`);
        return new PlainItem(
          new Map([...plain.members()].filter(([name]) => name === "id" || !gone.has(name))),
        );
      };
      const change: VaultChange = {
        removeClients: [...clients, ...found],
        removeAdmins: admins,
        cleanUnknown: flags["clean-unknown-clients"] === true,
        rotate: true,
        ...(gone.size === 0 ? {} : { values }),
      };
      const changed = await changeVault(
        { ...at, place: desk.place },
        change,
        needsOf(session, desk, flags.version),
      );
      told(session, at, changed);
    });
  },
});

export const refresh = act({
  summary: "Run the stored search again, and add the clients that it finds",
  words: ["VAULT", "ITEM"],
  flags: {
    ...cleanUnknownFlag,
    "skip-reencryption": { type: "boolean", help: "Leave the keys of those who have one as they are" },
    ...versionFlag,
    ...vaultFlags,
  },
  calls: [],
  changes: true,
  examples: [
    "keyward vault-item refresh passwords root",
    "keyward vault-item refresh passwords root --clean-unknown-clients --dry-run",
  ],
  notes: [
    "Keys of clients that are found are wrapped again, for a node that has made its key anew. Who was removed is not brought back. Clients added by name are not taken away by --clean-unknown-clients; of vaults that knife made it is not known who they are.",
  ],
  async run(session, { words: [vault, item], flags }) {
    const at = named(vault, item);
    await withDesk(session, flags, async (desk) => {
      const change: VaultChange = {
        refresh: true,
        cleanUnknown: flags["clean-unknown-clients"] === true,
        wrapAgain: flags["skip-reencryption"] !== true,
      };
      const changed = await changeVault(
        { ...at, place: desk.place },
        change,
        needsOf(session, desk, flags.version),
      );
      told(session, at, changed);
    });
  },
});

/** What is edited is the item as it was opened; another one would be lost. */
function assertAsRead(now: PlainItem, was: PlainItem): void {
  using a = now.toJson();
  using b = was.toJson();
  if (a.equals(b)) return;
  throw new KeywardError("conflict", "the item was changed by somebody else meanwhile", {
    hint: "it is as they left it; run the command again",
  });
}
