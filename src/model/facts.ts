/**
 * Facts: what is known of a node, laid flat for queries to look at, each fact with its origin.
 *
 * The trees that may grant are merged as Chef merges its levels, `inventory` below `attested` below `set`. What
 * the node reported of itself is kept apart: `explain` shows it, and no match ever looks at it.
 */
import { createFact, type FactLimits, type FactTable, factLimits, flattenLayers } from "./flatten.ts";
import type { Attributes } from "./node.ts";

export { type Fact, type FactLimits, type FactTable, factLimits, flatten } from "./flatten.ts";

export interface Facts<Name extends string = string> {
  readonly name: Name;
  /** Set, attested and inventory: the only facts that a match looks at. */
  readonly granting: FactTable;
  /** What the node says of itself, flattened at the first call. Throws KeywardError `too-large`. */
  readonly reported: () => FactTable;
}

/**
 * The field `name` holds the node's own name and nothing else: unlike in Chef, an attribute called `name`, at
 * the top or at the end of a path, does not stand beside it, so that `name:db1` means one node.
 *
 * @throws KeywardError `too-large` when the granting attributes pass a limit.
 */
export function createFacts<Name extends string>(
  node: { readonly name: Name; readonly attributes: Attributes },
  limits: FactLimits = factLimits,
): Facts<Name> {
  const { set, attested, inventory, reported } = node.attributes;
  const granting = flattenLayers(
    [
      { origin: "inventory", value: inventory },
      { origin: "attested", value: attested },
      { origin: "set", value: set },
    ],
    "attributes",
    limits,
  );
  granting.set("name", [createFact("name", node.name, "set")]);
  let kept: FactTable | undefined;
  return {
    name: node.name,
    granting,
    reported: () => {
      kept ??= flattenReported(reported, limits);
      return kept;
    },
  };
}

function flattenReported(tree: Attributes["reported"], limits: FactLimits): FactTable {
  const table = flattenLayers([{ origin: "reported", value: tree }], "reported attributes", limits);
  table.delete("name");
  return table;
}
