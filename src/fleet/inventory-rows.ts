/** Inventory rows: what each source says of a node, and the node that follows from all of them. */
import type { UnixMs } from "../base/time.ts";
import type { Facts, FactTable } from "../model/facts.ts";
import { flatten } from "../model/facts.ts";
import {
  acceptedTree,
  type InventoryRow,
  mergeAttributes,
  type Source,
  type SourceName,
  wholeTree,
} from "../model/inventory.ts";
import type { NodeName } from "../model/name.ts";
import { type AttributeTree, type Node, noAttributes } from "../model/node.ts";
import { inventoryRows, nodes, sources } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";

const PAGE = 500;

export function inventoryId(source: SourceName, node: NodeName): string {
  return `${source}/${node}`;
}

/** The nodes that a source has said something of. */
export async function rowNames(tx: Transaction, source: SourceName): Promise<NodeName[]> {
  const names: NodeName[] = [];
  for (let after: string | undefined; ; ) {
    const rows = await inventoryRows.list(tx, {
      under: `${source}/`,
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    names.push(...rows.map(({ node }) => node));
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return names;
    after = inventoryId(source, last.node);
  }
}

/**
 * A node as it follows from this row.
 *
 * @param write - Keep the row and the node.
 * @param as - The row's source as it would be.
 */
export async function described(
  tx: Transaction,
  row: InventoryRow,
  now: UnixMs,
  write = true,
  as?: Source,
): Promise<{ before: Node | null; after: Node; change: "made" | "changed" }> {
  const before = await nodes.get(tx, row.node);
  const known = before ?? { name: row.node, state: "pending", created: now, attributes: noAttributes };
  const after = withInventory(known, await granted(tx, row.node, row, as));
  if (write) {
    if ((await sources.get(tx, row.source)) === null) sources.put(tx, { name: row.source, accepted: [] });
    inventoryRows.put(tx, row);
    nodes.put(tx, after);
  }
  return { before, after, change: before === null ? "made" : "changed" };
}

/** What becomes of a node that a source no longer has. `after`: `null` when it is forgotten. */
export async function gone(
  tx: Transaction,
  { source, node }: { readonly source: SourceName; readonly node: NodeName },
): Promise<{ before: Node | null; after: Node | null; change: "gone" | "forgotten" }> {
  const row = await inventoryRows.get(tx, inventoryId(source, node));
  const before = await nodes.get(tx, node);
  if (row !== null) inventoryRows.delete(tx, inventoryId(source, node));
  if (before === null) return { before, after: null, change: "gone" };
  const others = await rowsOf(tx, node);
  if (row?.made === true && others.length === 0 && isBlank(before)) {
    nodes.delete(tx, node);
    return { before, after: null, change: "forgotten" };
  }
  const after = withInventory(before, await granted(tx, node));
  nodes.put(tx, after);
  return { before, after, change: "gone" };
}

/** Forget what all sources said of a node that is removed. */
export async function forgetRows(tx: Transaction, node: NodeName): Promise<void> {
  for (const { source } of await rowsOf(tx, node)) inventoryRows.delete(tx, inventoryId(source, node));
}

/** Everything that each source says of a node, accepted or not. */
export async function saidOf(
  tx: Transaction,
  node: NodeName,
): Promise<{ source: SourceName; attributes: AttributeTree }[]> {
  return (await rowsOf(tx, node)).map(({ source, parts }) => ({ source, attributes: wholeTree(parts) }));
}

/** The same facts, and what inventories say beside what the node itself says: for explanations. */
export function withReported<Name extends string>(
  facts: Facts<Name>,
  trees: readonly AttributeTree[],
): Facts<Name> {
  if (trees.length === 0) return facts;
  return {
    ...facts,
    reported: () => union([facts.reported(), ...trees.map((tree) => flatten(tree, "reported"))]),
  };
}

function union(tables: readonly FactTable[]): FactTable {
  const all = new Map<string, FactTable extends ReadonlyMap<string, infer F> ? F : never>();
  for (const table of tables)
    for (const [field, facts] of table)
      if (field !== "name") all.set(field, [...(all.get(field) ?? []), ...facts]);
  return all;
}

function withInventory(node: Node, inventory: AttributeTree): Node {
  return { ...node, attributes: { ...node.attributes, inventory } };
}

/** Nothing but the inventory ever spoke of it. */
function isBlank({ state, identity, attributes }: Node): boolean {
  const { set, attested, reported } = attributes;
  const said = [set, attested, reported].some((tree) => Object.keys(tree).length > 0);
  return state === "pending" && identity === undefined && !said;
}

async function rowsOf(tx: Transaction, node: NodeName): Promise<InventoryRow[]> {
  const all = await sources.list(tx);
  const rows = await Promise.all(all.map(({ name }) => inventoryRows.get(tx, inventoryId(name, node))));
  return rows.filter((row) => row !== null);
}

/** What may grant, of all sources, in order of their names. `row`: instead of the one that is kept. */
async function granted(
  tx: Transaction,
  node: NodeName,
  row?: InventoryRow,
  as?: Source,
): Promise<AttributeTree> {
  const all = await sources.list(tx);
  const trees: AttributeTree[] = [];
  for (const kept of all) {
    const source = kept.name === as?.name ? as : kept;
    if (source.accepted.length === 0) continue;
    const said =
      row?.source === source.name ? row : await inventoryRows.get(tx, inventoryId(source.name, node));
    if (said !== null) trees.push(acceptedTree(said.parts, source.accepted));
  }
  return mergeAttributes(trees);
}
