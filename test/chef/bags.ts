/** Data bags in memory, for tests: a place that counts writes and can be cut off after some of them. */
import { KeywardError } from "../../src/base/errors.ts";
import { isSameJson } from "../../src/base/exact-json-same.ts";
import type { BagPlace } from "../../src/chef/data-bag/place.ts";
import type { StoredItem } from "../../src/formats/databag/databag.ts";

export type Bags = Map<string, Map<string, StoredItem>>;

export class PowerCut extends Error {}

/** @param writes - After this many it is cut off. */
export function placeOf(
  bags: Bags,
  writes = Number.POSITIVE_INFINITY,
): BagPlace & { readonly written: () => number } {
  let left = writes;
  let written = 0;
  const bagOf = (bag: string): Map<string, StoredItem> => {
    const found = bags.get(bag);
    if (found === undefined) throw new KeywardError("not-found", "no bag");
    return found;
  };
  const read = (bag: string, id: string): StoredItem => {
    const item = bagOf(bag).get(id);
    if (item === undefined) throw new KeywardError("not-found", "no item");
    return item;
  };
  const write = (step: () => void): void => {
    if (left-- <= 0) throw new PowerCut("cut off");
    written++;
    step();
  };
  return {
    name: "bags in memory",
    written: () => written,
    bags: async () => [...bags.keys()].sort(),
    async makeBag(bag) {
      if (bags.has(bag)) return false;
      write(() => bags.set(bag, new Map()));
      return true;
    },
    removeBag: async (bag) => write(() => bags.delete(bag)),
    hasBag: async (bag) => bags.has(bag),
    items: async (bag) => [...bagOf(bag).keys()].sort(),
    read: async (bag, id) => read(bag, id),
    async create(bag, id, item) {
      if (bagOf(bag).has(id)) throw new KeywardError("conflict", "is there");
      write(() => bagOf(bag).set(id, item));
    },
    put: async (bag, id, item) => write(() => bagOf(bag).set(id, item)),
    async replace(bag, id, item, was) {
      if (!isSameJson(read(bag, id), was)) throw new KeywardError("conflict", "was changed");
      write(() => bagOf(bag).set(id, item));
    },
    async remove(bag, id) {
      read(bag, id);
      write(() => bagOf(bag).delete(id));
    },
    close: () => {},
  };
}

export function copyOf(bags: Bags): Bags {
  return new Map([...bags].map(([name, items]) => [name, new Map(items)]));
}
