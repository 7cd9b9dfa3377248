/**
 * Inventories: the acts by which a source from outside (a Chef server) says which nodes there are, and what it knows of
 * them. All of it is kept apart, a row for each source and node, and counts as reported; what an operator has accepted
 * of it stands in the node's `inventory` attributes as well, which grant.
 */
import type { Act, Caller, Detail, Journal } from "../audit/audit.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Clock } from "../base/time.ts";
import { flatten } from "../model/facts.ts";
import {
  type AcceptedPath,
  type InventoryRow,
  type Part,
  parseAcceptedPath,
  parseSourceName,
  type Source,
  type SourceName,
  tidyAccepted,
  wholeTree,
} from "../model/inventory.ts";
import { type NodeName, parseNodeName } from "../model/name.ts";
import type { PlanLine } from "../model/plan.ts";
import { inventoryRows, nodes, sources } from "../records/records.ts";
import type { Transact, Transaction } from "../store/store.ts";
import { assertAttributes } from "./attributes.ts";
import { EVERY_NODE } from "./gains.ts";
import { described, gone, inventoryId, rowNames } from "./inventory-rows.ts";
import type { Preview } from "./preview.ts";
import { reachOf } from "./reach.ts";

export interface NodeParts {
  readonly name: string;
  readonly parts: readonly Part[];
}

export interface InventoryPut {
  /** Nodes that were not known. */
  readonly made: readonly NodeName[];
  readonly changed: readonly NodeName[];
  readonly unchanged: number;
  readonly refused: readonly { readonly name: string; readonly why: string }[];
  readonly effect: readonly PlanLine[];
}

/** Rules are matched against the source's name. Every act throws KeywardError `denied`, and `usage` for a bad name. */
export interface Inventories {
  list(caller: Caller): Promise<Source[]>;
  /** Some nodes of a source, over what it said of them before. A node that is not known is made, and pending. */
  put(caller: Caller, source: string, given: readonly NodeParts[]): Promise<InventoryPut>;
  /**
   * The end of a round: these are all nodes of the source. What it said of others is forgotten.
   *
   * @param atMost - How many may be gone; a tenth, and ten, unless given.
   * @throws KeywardError `conflict` when there are more: a search that answers a part takes no keys away.
   */
  finish(
    caller: Caller,
    source: string,
    round: { names: readonly string[]; atMost?: number | undefined },
  ): Promise<{ gone: readonly NodeName[]; effect: readonly PlanLine[] }>;
  /**
   * Let parts of a source grant, or no longer. Needs `node:write` on every node too: attributes decide who receives
   * keys. Over many nodes it is done in steps, and done again it finishes what was cut off.
   */
  accept(
    caller: Caller,
    source: string,
    change: { accept: readonly string[]; refuse: readonly string[] },
  ): Promise<{ source: Source; effect: readonly PlanLine[] }>;
}

export interface InventoriesNeeds {
  readonly journal: Journal;
  /** For looking before an act is begun. */
  readonly transact: Transact;
  readonly clock: Clock;
  readonly preview: Preview;
}

/** Bytes of canonical JSON that a source may say of one node. */
const MAX_ROW = 262_144;
/** Nodes worked out anew in one transaction. */
const STEP = 250;
/** A round that changed nothing is noted this often. */
const NOTE_MS = 600_000;

export function createInventories({ journal, transact, clock, preview }: InventoriesNeeds): Inventories {
  const actOn = (caller: Caller, resource: SourceName): Act => ({
    ...caller,
    action: "inventory:write",
    resource,
  });
  /** Who may is checked, and a refusal written; that nothing changed is no news. */
  const permitted = (act: Act): Promise<void> => journal.act({ ...act, dryRun: true }, () => undefined);

  /** One act for each node that is written; its row and the node follow in the same transaction. */
  async function write(act: Act, rows: readonly (InventoryRow | Gone)[]): Promise<PlanLine[]> {
    if (rows.length === 0) return [];
    return await journal.actAll(
      rows.map(() => act),
      async (tx, details) => {
        const effect: PlanLine[] = [];
        for (const [i, row] of rows.entries()) effect.push(...(await writeOne(tx, row, details[i] ?? {})));
        return effect;
      },
    );
  }

  async function writeOne(tx: Transaction, row: InventoryRow | Gone, detail: Detail): Promise<PlanLine[]> {
    const { before, after, change } = "gone" in row ? await gone(tx, row) : await described(tx, row, clock());
    Object.assign(detail, { node: row.node, change });
    if (
      canonicalJson(before?.attributes.inventory ?? {}) === canonicalJson(after?.attributes.inventory ?? {})
    )
      return [];
    detail.inventory = canonicalJson(after?.attributes.inventory ?? {}).slice(0, 1000);
    return preview.node(row.node, after);
  }

  async function applyTo(act: Act, source: Source, names: readonly NodeName[]): Promise<PlanLine[]> {
    const rows = await transact(async (tx) => {
      const found = await Promise.all(
        names.map((name) => inventoryRows.get(tx, inventoryId(source.name, name))),
      );
      const stale: InventoryRow[] = [];
      for (const row of found) if (row !== null && (await isStale(tx, row, source))) stale.push(row);
      return stale;
    });
    return await write(act, rows);
  }

  return {
    list: async (caller) => {
      const { acts, covers } = reachOf(caller, "inventory:read");
      return journal.actAll(acts, async (tx) => (await sources.list(tx)).filter(({ name }) => covers(name)));
    },

    put: async (caller, text, given) => {
      const source = parseSourceName(text);
      const act = actOn(caller, source);
      await permitted(act);
      const news: InventoryRow[] = [];
      const made: NodeName[] = [];
      const refused: { name: string; why: string }[] = [];
      await transact(async (tx) => {
        for (const list of [news, made, refused]) list.length = 0;
        for (const one of latest(given)) {
          try {
            const row = await rowOf(tx, source, one, clock());
            if (row === null) continue;
            news.push(row);
            if ((await nodes.get(tx, row.node)) === null) made.push(row.node);
          } catch (error) {
            if (!isKeywardError(error)) throw error;
            refused.push({ name: one.name, why: error.message });
          }
        }
      });
      const effect = await write(act, news);
      const changed = news.map(({ node }) => node).filter((name) => !made.includes(name));
      return { made, changed, unchanged: given.length - news.length - refused.length, refused, effect };
    },

    finish: async (caller, text, { names, atMost }) => {
      const source = parseSourceName(text);
      const act = actOn(caller, source);
      await permitted(act);
      const present = new Set(names);
      const { known, last } = await transact(async (tx) => ({
        known: await rowNames(tx, source),
        last: (await sources.get(tx, source))?.synced ?? 0,
      }));
      const left = known.filter((name) => !present.has(name));
      assertFew(source, left.length, known.length, atMost);
      const effect: PlanLine[] = [];
      for (let i = 0; i < left.length; i += STEP)
        effect.push(
          ...(await write(
            act,
            left.slice(i, i + STEP).map((node) => ({ source, node, gone: true })),
          )),
        );
      if (left.length > 0 || clock() - last >= NOTE_MS) {
        await journal.act(act, async (tx, detail) => {
          const row = (await sources.get(tx, source)) ?? { name: source, accepted: [] };
          sources.put(tx, { ...row, synced: clock() });
          Object.assign(detail, { change: "round", nodes: present.size, gone: left.length });
        });
      }
      return { gone: left, effect };
    },

    accept: async (caller, text, { accept, refuse }) => {
      const name = parseSourceName(text);
      const wanted = accept.map(parseAcceptedPath);
      const unwanted = new Set<AcceptedPath>(refuse.map(parseAcceptedPath));
      const act = actOn(caller, name);
      const rights: Act[] = [act];
      if (caller.by.kind === "operator")
        rights.push({ ...caller, action: "node:write", resource: EVERY_NODE });
      const changed = await journal.actAll(rights, async (tx, details) => {
        const before = (await sources.get(tx, name)) ?? { name, accepted: [] };
        const accepted = tidyAccepted([...before.accepted.filter((path) => !unwanted.has(path)), ...wanted]);
        const source: Source = { ...before, accepted, applying: true };
        sources.put(tx, source);
        for (const detail of details)
          Object.assign(detail, { change: "accept", accepted: accepted.join(" ") });
        return caller.dryRun === true
          ? { source, effect: await rehearse(tx, source, preview) }
          : { source, effect: [] };
      });
      const { applying: _, ...source } = changed.source;
      if (caller.dryRun === true) return { ...changed, source };
      const effect: PlanLine[] = [];
      const names = await transact((tx) => rowNames(tx, name));
      for (let i = 0; i < names.length; i += STEP)
        effect.push(...(await applyTo(act, source, names.slice(i, i + STEP))));
      await journal.act(act, async (tx, detail) => {
        const kept: Source = (await sources.get(tx, name)) ?? source;
        const { applying: __, ...row } = kept;
        sources.put(tx, row);
        Object.assign(detail, { change: "applied", nodes: names.length });
      });
      return { source, effect };
    },
  };
}

/** A node that the source no longer has. */
export interface Gone {
  readonly source: SourceName;
  readonly node: NodeName;
  readonly gone: true;
}

/** Of two that bear one name, the later. */
function latest(given: readonly NodeParts[]): Iterable<NodeParts> {
  return new Map(given.map((one) => [one.name, one])).values();
}

/** @returns `null` when nothing of it is news. @throws KeywardError `usage`, `too-large` */
async function rowOf(
  tx: Transaction,
  source: SourceName,
  { name, parts }: NodeParts,
  now: ReturnType<Clock>,
): Promise<InventoryRow | null> {
  const node = parseNodeName(name);
  const text = canonicalJson(parts);
  if (text.length > MAX_ROW) throw new KeywardError("too-large", `${node}: more than ${MAX_ROW} bytes`);
  flatten(wholeTree(parts), "reported");
  const before = await inventoryRows.get(tx, inventoryId(source, node));
  const known = await nodes.get(tx, node);
  const isMade = before === null ? known === null : before.made === true;
  const row: InventoryRow = { source, node, parts, ...(isMade && { made: true }) };
  const { after } = await described(tx, row, now, false);
  assertAttributes(after);
  const same = before !== null && canonicalJson(before.parts) === text;
  const isAsItWas =
    known !== null && canonicalJson(known.attributes.inventory) === canonicalJson(after.attributes.inventory);
  return same && isAsItWas ? null : row;
}

/** Would the node be another one if it were worked out anew? */
async function isStale(tx: Transaction, row: InventoryRow, source: Source): Promise<boolean> {
  const { before, after } = await described(tx, row, 0 as ReturnType<Clock>, false, source);
  return canonicalJson(before?.attributes.inventory) !== canonicalJson(after.attributes.inventory);
}

/** Every node, in one transaction that is thrown away. */
async function rehearse(tx: Transaction, source: Source, preview: Preview): Promise<PlanLine[]> {
  const effect: PlanLine[] = [];
  for (const name of await rowNames(tx, source.name)) {
    const row = await inventoryRows.get(tx, inventoryId(source.name, name));
    if (row === null || !(await isStale(tx, row, source))) continue;
    effect.push(
      ...preview.node(name, (await described(tx, row, 0 as ReturnType<Clock>, false, source)).after),
    );
  }
  return effect;
}

function assertFew(source: SourceName, gone: number, known: number, atMost: number | undefined): void {
  const limit = atMost ?? Math.max(10, Math.floor(known / 10));
  if (gone <= limit) return;
  throw new KeywardError("conflict", `source ${source}: ${gone} of ${known} nodes are gone at once`, {
    hint: `if that is meant, say how many may go: --lose-at-most ${gone}`,
  });
}
