/**
 * Reseal: an item's values from an old secret, or an old version, to a new one. Values that the new secret opens in the
 * wanted version stay as they are, so that a run that was broken off goes on where it was; plain ones stay too.
 */
import { KeywardError } from "../../base/errors.ts";
import type { ExactJson } from "../../base/exact-json.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  type DataBagSecret,
  type DataBagVersion,
  formsOf,
  openDataBagItem,
  type StoredItem,
} from "../../formats/databag/databag.ts";
import { sealValue } from "../../formats/databag/value.ts";
import { printable } from "../../model/name.ts";

export interface ResealNeeds {
  /** Tried one after the other. */
  readonly old: readonly DataBagSecret[];
  readonly next: DataBagSecret;
  readonly version: DataBagVersion;
}

export type Resealed =
  | { readonly kind: "resealed"; readonly item: StoredItem; readonly values: number }
  /** All of it opens under the new secret already. */
  | { readonly kind: "already" }
  | { readonly kind: "plain" };

/** @throws KeywardError `wrong-key`, `integrity` when a value opens under none of the secrets. */
export async function resealItem(item: StoredItem, { old, next, version }: ResealNeeds): Promise<Resealed> {
  const forms = formsOf(item);
  const encrypted = new Map([...item].filter(([name]) => (forms.get(name) ?? "plain") !== "plain"));
  if (encrypted.size === 0) return { kind: "plain" };
  const now = await openDataBagItem(encrypted, next);
  const done = [...encrypted.keys()].filter((name) => !now.problems.has(name) && forms.get(name) === version);
  if (done.length === encrypted.size) return { kind: "already" };
  const left = new Map([...encrypted].filter(([name]) => !done.includes(name)));
  const values = new Map<string, ExactJson>();
  for (const secret of [next, ...old]) {
    const { plain } = await openDataBagItem(left, secret);
    for (const [name, value] of plain.members()) if (!values.has(name)) values.set(name, value);
  }
  const missing = [...left.keys()].filter((name) => !values.has(name));
  if (missing.length > 0)
    throw new KeywardError("wrong-key", `opens under no secret given: ${missing.map(printable).join(", ")}`);
  const made = new Map(item);
  for (const [name, value] of values) made.set(name, sealValue(value, next, version, systemRandom));
  return { kind: "resealed", item: made, values: values.size };
}
