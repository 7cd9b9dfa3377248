/** Where KeyMaster's items are read: a bag on a Chef server, or one in a chef repository. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { formatExactJson } from "../../base/exact-json-text.ts";
import type { ChefServer } from "../../model/chef-server.ts";
import type { DataBagItemId, DataBagName } from "../../model/data-bag.ts";
import { openRepository } from "../data-bag/repository.ts";

export interface ItemBag {
  /** In order of name. @throws KeywardError `not-found` when there is no such bag. */
  ids(): Promise<string[]>;
  /** JSON, as it is stored. @throws KeywardError */
  item(id: string): Promise<string>;
  /** All that there are; `null` when that is not known. */
  environments(): Promise<string[] | null>;
  close(): void;
}

export function bagOnServer(chef: ChefServer, bag: DataBagName): ItemBag {
  return {
    ids: () => chef.itemIds(bag),
    item: (id) => chef.item(bag, id),
    environments: () => chef.environments(),
    close: () => chef.close(),
  };
}

/** @throws KeywardError `not-found` when the folder holds no `data_bags/`. */
export function bagInRepository(root: string, bag: DataBagName): ItemBag {
  const repository = openRepository(root);
  const folder = path.join(root, "environments");
  return {
    ids: async () => repository.items(bag),
    item: async (id) => formatExactJson(repository.read(bag, id as DataBagItemId)),
    async environments() {
      if (!existsSync(folder)) return null;
      const names = readdirSync(folder).flatMap((name) => /^([^.].*)\.(?:json|rb)$/.exec(name)?.[1] ?? []);
      return [...new Set([...names, "_default"])].sort();
    },
    close: () => {},
  };
}
