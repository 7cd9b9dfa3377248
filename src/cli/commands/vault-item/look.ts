/** `keyward vault-item show`, `list`: what a reader may see. */
import type { ExactJson } from "../../../base/exact-json.ts";
import { keysIdOf } from "../../../formats/chefvault/chefvault.ts";
import { PlainItem } from "../../../formats/databag/databag.ts";
import { type DataBagName, parseDataBagName } from "../../../model/data-bag.ts";
import { act } from "../../command.ts";
import type { BagPlace } from "../../data-bag/place.ts";
import { revealFlag, showPlain } from "../../data-bag/shown.ts";
import { vaultFlags, withDesk } from "../../vault/desk.ts";
import { nameOf, openVault, type Vault } from "../../vault/vault.ts";
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

/** Ids that have keys beside them, in order. */
export async function vaultsIn(place: BagPlace, bag: DataBagName): Promise<string[]> {
  const ids = await place.items(bag);
  const all = new Set(ids);
  return ids.filter((id) => all.has(keysIdOf(id)));
}

export function shownOf(
  { plain, keys }: Pick<Vault, "plain" | "keys">,
  names: string | undefined,
  print: "search" | "admins" | "clients" | "all" | undefined,
): PlainItem {
  const wanted = names?.split(",").map((name) => name.trim());
  const members = [...plain.members()].filter(
    ([name]) => wanted === undefined || name === "id" || wanted.includes(name),
  );
  const readers: [string, ExactJson][] = [
    ["search_query", keys.search ?? []],
    ["admins", keys.admins],
    ["clients", keys.clients],
  ];
  const extra = readers.filter(([name]) => print === "all" || name === print || name === `${print}_query`);
  return new PlainItem(new Map<string, ExactJson>([...members, ...extra]));
}
