/** `keyward vault-item show`, `list`: what a reader may see. */
import { revealFlag, showPlain } from "../../../chef/data-bag/shown.ts";
import { vaultFlags, withDesk } from "../../../chef/vault/desk.ts";
import { shownOf, vaultsIn } from "../../../chef/vault/shown.ts";
import { nameOf, openVault } from "../../../chef/vault/vault.ts";
import { act } from "../../../command/command.ts";
import { parseDataBagName } from "../../../model/data-bag.ts";
import { named } from "./flags.ts";

export const printFlag = {
  print: {
    type: "string",
    short: "p",
    value: "WHAT",
    choices: ["search", "admins", "clients", "all"],
    help: "Who may read it as well",
  },
} as const;

export const show = act({
  summary: "Show a vault item to one of its readers, or the items of a vault",
  words: ["VAULT", "[ITEM]", "[NAMES]"],
  flags: { ...printFlag, ...revealFlag, ...vaultFlags },
  calls: [],
  examples: [
    "keyward vault-item show passwords",
    "keyward vault-item show passwords root --chef-user web1 --chef-key /etc/chef/client.pem",
    "keyward vault-item show passwords root username,password -p all",
  ],
  notes: ["NAMES are names of values, with commas between them: only these are shown."],
  async run(session, { words: [vault = "", item, names], flags }) {
    await withDesk(session, flags, async (desk) => {
      if (item === undefined) {
        const items = await vaultsIn(desk.place, parseDataBagName(vault));
        session.out.show({ items }, { blocks: [{ kind: "lines", lines: items }], names: items });
        return;
      }
      using opened = await openVault({ ...named(vault, item), place: desk.place }, desk.reader());
      if (opened.broken !== null)
        session.out.note(
          `${nameOf(opened)}: a rotation was broken off; end it: keyward vault-item rotate-keys`,
        );
      showPlain(session, shownOf(opened, names, flags.print), flags.reveal === true);
    });
  },
});
