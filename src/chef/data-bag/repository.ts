/** The data bags of a chef repository: a folder a bag in `data_bags/`, a JSON file an item. */
import { existsSync, readdirSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import path from "node:path";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { formatExactJsonLines } from "../../base/exact-json-text.ts";
import { cannot, readBytes } from "../../command/read-file.ts";
import { makePrivateDirectory, replace } from "../../command/write-file.ts";
import { parseStoredItem, type StoredItem } from "../../formats/databag/databag.ts";
import type { DataBagItemId, DataBagName } from "../../model/data-bag.ts";
import { printable } from "../../model/name.ts";

export const MAX_ITEM_FILE = 8_388_608;

export interface Repository {
  readonly directory: string;
  bags(): string[];
  /** Ids by the files' names, sorted. @throws KeywardError `not-found` when there is no such bag. */
  items(bag: DataBagName): string[];
  fileOf(bag: DataBagName, id: string): string;
  has(bag: DataBagName, id?: DataBagItemId): boolean;
  /** @throws KeywardError `not-found`, `malformed`, `too-large`, `local` */
  read(bag: DataBagName, id: DataBagItemId): StoredItem;
  /** @throws KeywardError `local` */
  write(bag: DataBagName, id: DataBagItemId, item: StoredItem): void;
  makeBag(bag: DataBagName): void;
  removeItem(bag: DataBagName, id: DataBagItemId): void;
  /** An empty one. */
  removeBag(bag: DataBagName): void;
}

/** @throws KeywardError `not-found` when there is no `data_bags/`, and `make` is not said. */
export function openRepository(root: string, make = false): Repository {
  const directory = path.join(root, "data_bags");
  if (!make && !existsSync(directory))
    throw new KeywardError("not-found", `${printable(root)}: holds no data_bags/`, {
      hint: "name a chef repository with --repo, or make its first bag: keyward data-bag create BAG",
    });
  const folderOf = (bag: DataBagName): string => path.join(directory, bag);
  const fileOf = (bag: DataBagName, id: string): string => path.join(folderOf(bag), `${id}.json`);
  const wrapped = (verb: string, file: string, what: string, step: () => void): void => {
    try {
      step();
    } catch (error) {
      throw cannot(verb, file, what, error);
    }
  };
  return {
    directory,
    fileOf,
    bags: () => (existsSync(directory) ? foldersIn(directory) : []),
    items(bag) {
      if (!existsSync(folderOf(bag))) throw noSuch(`data bag ${printable(bag)}`);
      return itemFilesIn(folderOf(bag)).map((name) => name.slice(0, -".json".length));
    },
    has: (bag, id) => existsSync(id === undefined ? folderOf(bag) : fileOf(bag, id)),
    read(bag, id) {
      const file = fileOf(bag, id);
      if (!existsSync(file)) throw noSuch(`data bag item ${printable(`${bag}/${id}`)}`);
      const item = readItemFile(file);
      if (item.get("id") === id) return item;
      throw new KeywardError("malformed", `${printable(file)}: its id is not ${printable(id)}`);
    },
    write(bag, id, item) {
      makePrivateDirectory(folderOf(bag), "data bag");
      writeItemFile(fileOf(bag, id), item);
    },
    makeBag: (bag) => makePrivateDirectory(folderOf(bag), "data bag"),
    removeItem(bag, id) {
      if (!existsSync(fileOf(bag, id))) throw noSuch(`data bag item ${printable(`${bag}/${id}`)}`);
      wrapped("remove", fileOf(bag, id), "item", () => unlinkSync(fileOf(bag, id)));
    },
    removeBag: (bag) => wrapped("remove", folderOf(bag), "data bag", () => rmdirSync(folderOf(bag))),
  };
}

/** @throws KeywardError `malformed`, `too-large`, `local` */
export function readItemFile(file: string): StoredItem {
  const what = printable(file);
  // Room for as much as there is: a hundred thousand files are read one after the other.
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return parseStoredItem(fromUtf8(readBytes(file, "item", Math.min(size, MAX_ITEM_FILE)), what), what);
}

/** In one step, with the mode of the file that is replaced. */
export function writeItemFile(file: string, item: StoredItem): void {
  const mode = existsSync(file) ? statSync(file).mode & 0o777 : 0o644;
  replace(file, "item", utf8(formatExactJsonLines(item)), mode);
}

/** Names of the JSON files, sorted; hidden ones are none. */
export function itemFilesIn(folder: string): string[] {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return names
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".json") && !name.startsWith("."))
    .sort();
}

function foldersIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return entries
    .map(({ name }) => name)
    .filter((name) => !name.startsWith("."))
    .sort();
}

function noSuch(what: string): KeywardError {
  return new KeywardError("not-found", `${what}: not found`, { hint: "run: keyward data-bag list" });
}
