/** What of a vault is shown: the vaults of a bag, some of an item's values, and who may read it. */
import type { ExactJson } from "../../base/exact-json.ts";
import { keysIdOf } from "../../formats/chefvault/chefvault.ts";
import { PlainItem } from "../../formats/databag/databag.ts";
import type { DataBagName } from "../../model/data-bag.ts";
import type { BagPlace } from "../data-bag/place.ts";
import type { Vault } from "./vault.ts";

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
