/** Documents: what the index holds of a node. */
import type { Facts } from "../../model/facts.ts";
import { wordsOf } from "./words.ts";

/** What the server keeps of each object beside its words; a word without a field is looked for in these too. */
const ownFields = ["X_CHEF_id_CHEF_X", "X_CHEF_database_CHEF_X", "X_CHEF_type_CHEF_X"];

export interface ChefDocument {
  readonly name: string;
  /** In the order of the document. */
  readonly words: readonly string[];
  readonly has: ReadonlySet<string>;
  /** Whole values of the server's own fields. */
  readonly own: readonly string[];
}

/** Each fact is written `field__=__value`, sorted by their bytes, and the whole is cut into words. */
export function chefDocument({ name, granting }: Facts): ChefDocument {
  const pairs = [...granting.values()].flat().map(({ field, value }) => `${field}__=__${value}`);
  const words = pairs.sort(byBytes).flatMap(wordsOf);
  const own = ownFields.flatMap((field) => (granting.get(field) ?? []).map(({ value }) => value));
  return { name, words, has: new Set(words), own };
}

/** By code points, which is the order of UTF-8 bytes. */
export function byBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
