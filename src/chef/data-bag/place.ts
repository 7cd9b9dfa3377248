/**
 * Where data bags are kept: a chef repository or a Chef server. Neither has a conditional write. `replace` therefore
 * reads again and compares before it writes, so that a change of somebody else is lost only when it falls between the
 * two.
 */
import path from "node:path";
import { KeywardError } from "../../base/errors.ts";
import { isSameJson } from "../../base/exact-json-same.ts";
import { formatExactJson } from "../../base/exact-json-text.ts";
import type { Flags } from "../../command/command.ts";
import type { Session } from "../../command/session.ts";
import { parseStoredItem, type StoredItem } from "../../formats/databag/databag.ts";
import type { ChefServer } from "../../model/chef-server.ts";
import type { DataBagItemId, DataBagName } from "../../model/data-bag.ts";
import { printable } from "../../model/name.ts";
import { type ChefServerWords, chefServerFlags, chefServerWords, openChefServer } from "../server-flags.ts";
import { openRepository, type Repository } from "./repository.ts";

export interface BagPlace {
  /** In words, for a person. */
  readonly name: string;
  bags(): Promise<string[]>;
  /** @returns `false` when it was there. */
  makeBag(bag: DataBagName): Promise<boolean>;
  /** An empty one. */
  removeBag(bag: DataBagName): Promise<void>;
  hasBag(bag: DataBagName): Promise<boolean>;
  /** Ids, sorted. @throws KeywardError `not-found` when there is no such bag. */
  items(bag: DataBagName): Promise<string[]>;
  /** @throws KeywardError `not-found`, `malformed` */
  read(bag: DataBagName, id: DataBagItemId): Promise<StoredItem>;
  /** @throws KeywardError `conflict` when it is there. */
  create(bag: DataBagName, id: DataBagItemId, item: StoredItem): Promise<void>;
  /** Over what is there, or new. */
  put(bag: DataBagName, id: DataBagItemId, item: StoredItem): Promise<void>;
  /** @param was - As it was read. @throws KeywardError `conflict` when it is another one by now. */
  replace(bag: DataBagName, id: DataBagItemId, item: StoredItem, was: StoredItem): Promise<void>;
  /** @throws KeywardError `not-found` */
  remove(bag: DataBagName, id: DataBagItemId): Promise<void>;
  close(): void;
}

export const placeFlags = {
  repo: { type: "string", value: "DIR", help: "A chef repository, which has data_bags/ in it (.)" },
  ...chefServerFlags,
} as const satisfies Flags;

export interface PlaceWords extends ChefServerWords {
  readonly repo?: string;
}

/** @throws KeywardError `usage` when both are named. */
export function isOnServer({ env }: { readonly env: Session["world"]["env"] }, flags: PlaceWords): boolean {
  if (flags.repo !== undefined && flags["chef-server"] !== undefined)
    throw new KeywardError("usage", "want --repo or --chef-server, not both");
  return flags.repo === undefined && chefServerWords(env, flags)["chef-server"] !== undefined;
}

/**
 * The caller closes it.
 *
 * @param make - A repository may have no `data_bags/` yet.
 * @throws KeywardError `usage`, `not-found`, `local`, `malformed`
 */
export async function openPlace(
  { world }: Pick<Session, "world">,
  flags: PlaceWords,
  make = false,
): Promise<BagPlace> {
  if (isOnServer(world, flags)) return placeOnServer(await openChefServer({ world }, flags));
  return placeInRepository(openRepository(path.resolve(world.cwd, flags.repo ?? "."), make));
}

/** Opens it, and closes it afterwards. */
export async function withPlace<T>(
  session: Pick<Session, "world">,
  flags: PlaceWords,
  work: (place: BagPlace) => Promise<T>,
  make = false,
): Promise<T> {
  const place = await openPlace(session, flags, make);
  try {
    return await work(place);
  } finally {
    place.close();
  }
}

export function placeInRepository(repository: Repository): BagPlace {
  return {
    name: `the chef repository at ${path.dirname(repository.directory)}`,
    bags: async () => repository.bags(),
    async makeBag(bag) {
      const made = !repository.has(bag);
      repository.makeBag(bag);
      return made;
    },
    removeBag: async (bag) => repository.removeBag(bag),
    hasBag: async (bag) => repository.has(bag),
    items: async (bag) => repository.items(bag),
    read: async (bag, id) => repository.read(bag, id),
    async create(bag, id, item) {
      if (repository.has(bag, id)) throw isThere(bag, id);
      repository.write(bag, id, item);
    },
    put: async (bag, id, item) => repository.write(bag, id, item),
    async replace(bag, id, item, was) {
      assertSame(bag, id, repository.read(bag, id), was);
      repository.write(bag, id, item);
    },
    remove: async (bag, id) => repository.removeItem(bag, id),
    close: () => {},
  };
}

export function placeOnServer(chef: ChefServer): BagPlace {
  const read = async (bag: DataBagName, id: DataBagItemId): Promise<StoredItem> => {
    const what = `data bag item ${printable(`${bag}/${id}`)}`;
    return parseStoredItem(await named(what, chef.item(bag, id)), what);
  };
  const put = (bag: DataBagName, id: DataBagItemId, item: StoredItem): Promise<void> =>
    named(`data bag ${printable(bag)}`, chef.putItem(bag, id, wrapped(bag, id, item)));
  return {
    name: chef.name,
    bags: () => chef.bags(),
    makeBag: (bag) => chef.createBag(bag),
    removeBag: (bag) => named(`data bag ${printable(bag)}`, chef.deleteBag(bag)),
    hasBag: async (bag) => (await chef.bags()).includes(bag),
    items: (bag) => named(`data bag ${printable(bag)}`, chef.itemIds(bag)),
    read,
    create: (bag, id, item) =>
      named(`data bag item ${printable(`${bag}/${id}`)}`, chef.createItem(bag, wrapped(bag, id, item))),
    put,
    async replace(bag, id, item, was) {
      assertSame(bag, id, await read(bag, id), was);
      await put(bag, id, item);
    },
    remove: (bag, id) => named(`data bag item ${printable(`${bag}/${id}`)}`, chef.deleteItem(bag, id)),
    close: () => chef.close(),
  };
}

/** As Chef's own clients send an item. */
function wrapped(bag: DataBagName, id: DataBagItemId, item: StoredItem): string {
  return formatExactJson(
    new Map<string, StoredItem | string>([
      ["name", `data_bag_item_${bag}_${id}`],
      ["json_class", "Chef::DataBagItem"],
      ["chef_type", "data_bag_item"],
      ["data_bag", bag],
      ["raw_data", item],
    ]),
  );
}

/** What the server has not, or has already, by its name. */
async function named<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    if (error.code === "not-found")
      throw new KeywardError("not-found", `${what}: not found`, {
        hint: "run: keyward data-bag list",
        cause: error,
      });
    if (error.code === "conflict")
      throw new KeywardError("conflict", `${what}: exists already`, { cause: error });
    throw error;
  }
}

export function isThere(bag: DataBagName, id: DataBagItemId): KeywardError {
  return new KeywardError("conflict", `data bag item ${printable(`${bag}/${id}`)}: exists already`, {
    hint: "keyward data-bag edit, or from-file",
  });
}

function assertSame(bag: DataBagName, id: DataBagItemId, now: StoredItem, was: StoredItem): void {
  if (isSameJson(now, was)) return;
  throw new KeywardError(
    "conflict",
    `data bag item ${printable(`${bag}/${id}`)}: was changed by somebody else meanwhile`,
    { hint: "it is as they left it; run the command again" },
  );
}
