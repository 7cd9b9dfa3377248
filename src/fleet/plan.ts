/** Plan: what is still to be done, and why a node has a key or has it not. */
import type { Caller, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import { createFacts, type Facts } from "../model/facts.ts";
import { type Grant, placeOf } from "../model/grant.ts";
import type { Source } from "../model/inventory.ts";
import { type KeyName, type NodeName, parseKeyName, parseNodeName, printable } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import type { PlanLine } from "../model/plan.ts";
import { type Explanation, explain, parseQuery, summarize } from "../model/query/query.ts";
import { nodes, sources } from "../records/records.ts";
import type { Revision, Transaction } from "../store/store.ts";
import type { GrantEntry, NodeEntry } from "./entries.ts";
import type { EscrowBook } from "./escrow-book.ts";
import { saidOf, withReported } from "./inventory-rows.ts";
import type { Ledger } from "./ledger.ts";
import { compareNames } from "./order.ts";
import { type Held, planLine, type Resolution, type Step, stepsBetween } from "./placements.ts";
import { reachOf } from "./reach.ts";
import { reasonOf, whyRefused } from "./reasons.ts";
import { recoveryWarnings } from "./recovery-warnings.ts";
import type { Roster } from "./roster.ts";

/** A match or a miss, term by term. */
export interface Explained {
  readonly matched: boolean;
  /** This part of the query as text. */
  readonly term: string;
  /** What decides: `role is "api" (set)`, or what is missing. */
  readonly because: string;
  readonly parts: readonly Explained[];
}

export interface Why {
  readonly has: boolean;
  readonly summary: string;
  /** Every grant of the key, the oldest first. */
  readonly grants: readonly { readonly grant: Grant; readonly explanation: Explained }[];
}

export interface Plans {
  /**
   * What Keyward would do now with the keys that the caller's rules cover, in order of node and path. Nothing is planned for frozen nodes, which keep what
   * they have, and for revoked ones, which are out of reach.
   */
  plan(
    caller: Caller,
    filter?: { node?: string | undefined; key?: string | undefined },
  ): Promise<{ revision: Revision; lines: PlanLine[]; warnings: string[] }>;
  /** @throws KeywardError `not-found` */
  why(caller: Caller, node: string, key: string): Promise<Why>;
  /** The nodes that a query selects; with `node`, why it selects that one or not. @throws KeywardError `malformed`, `not-found` */
  testQuery(
    caller: Caller,
    query: string,
    node?: string,
  ): Promise<{ nodes: NodeName[]; explanation?: Explained }>;
}

export interface PlansNeeds {
  readonly journal: Journal;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly book: EscrowBook;
  readonly revision: () => Revision;
}

export function createPlans({ journal, roster, ledger, book, revision }: PlansNeeds): Plans {
  return {
    plan: async (caller, { node, key } = {}) => {
      const name = node === undefined ? null : parseNodeName(node);
      const only = key === undefined ? undefined : parseKeyName(key);
      const { acts, covers } = reachOf(caller, "grant:read", only);
      return journal.actAll(acts, async (tx, details) => {
        if (name !== null) for (const detail of details) detail.node = name;
        const names = name === null ? roster.names() : [find(roster, name).name];
        const isShown = only === undefined ? covers : (of: KeyName) => of === only;
        const lines = planLines(roster, ledger, names, isShown);
        const warnings = [
          ...warningsOf(await sources.list(tx)),
          ...recoveryWarnings({ roster, ledger, book }, names, isShown),
        ];
        return { revision: revision(), lines, warnings };
      });
    },

    why: async (caller, node, key) => {
      const name = parseNodeName(node);
      const of = parseKeyName(key);
      return journal.act({ ...caller, action: "grant:read", resource: of }, async (tx, detail) => {
        detail.node = name;
        const entry = find(roster, name);
        const facts = await allFacts(tx, name);
        const grants = roster
          .grantsOf(of)
          .map((grant) => ({ entry: grant, explanation: explain(grant.query, facts) }))
          .sort((a, b) => a.entry.grant.created - b.entry.grant.created);
        return {
          ...sayWhy(roster, entry, of, grants),
          grants: grants.map((one) => ({ grant: one.entry.grant, explanation: explained(one.explanation) })),
        };
      });
    },

    testQuery: async (caller, query, node) => {
      const name = node === undefined ? undefined : parseNodeName(node);
      const { acts, covers } = reachOf(caller, "node:read", name);
      return journal.actAll(acts, async (tx, details) => {
        for (const detail of details) detail.query = query;
        const parsed = parseQuery(query);
        if (name === undefined) return { nodes: roster.select(parsed).filter(covers).sort(compareNames) };
        const explanation = explain(parsed, await allFacts(tx, find(roster, name).name));
        return { nodes: explanation.matched ? [name] : [], explanation: explained(explanation) };
      });
    },
  };
}

/** From nothing but the roster and the ledger: also what the figures measure. */
export function planLines(
  roster: Roster,
  ledger: Ledger,
  names: readonly NodeName[],
  isShown: (key: KeyName) => boolean = () => true,
): PlanLine[] {
  const lines: PlanLine[] = [];
  for (const name of names) {
    const entry = roster.nodes.get(name);
    if (entry === undefined || entry.state === "frozen" || entry.state === "revoked") continue;
    const resolution = roster.placements(name);
    for (const step of stepsBetween(heldOf(ledger, name, resolution), resolution.desired)) {
      if (isShown(keyOf(step))) lines.push(lineOf(roster, ledger, entry, resolution, step));
    }
  }
  return lines;
}

/** What a node should hold and could not put in place is still to be gained. */
function heldOf(ledger: Ledger, name: NodeName, { desired }: Resolution): Held[] {
  const held = ledger.heldBy(name);
  const failed = ledger.failedOn(name);
  if (failed.size === 0) return held;
  const wanted = new Set(desired.map(({ grant }) => grant.key));
  return held.filter(({ key }) => !(failed.has(key) && wanted.has(key)));
}

function lineOf(
  roster: Roster,
  ledger: Ledger,
  { name, state, facts }: NodeEntry,
  resolution: Resolution,
  step: Step,
): PlanLine {
  const reason = reasonOf(roster, step, { state, facts, resolution }, (id) => roster.grants.get(id));
  const failed = step.change === "gain" ? ledger.get(name, keyOf(step))?.failed : undefined;
  return planLine(name, step, failed === undefined ? reason : `${reason}; the node could not: ${failed}`);
}

function keyOf(step: Step): KeyName {
  return step.change === "lose" ? step.before.key : step.after.grant.key;
}

function find(roster: Roster, name: NodeName): NodeEntry {
  const entry = roster.nodes.get(name);
  if (entry !== undefined) return entry;
  throw new KeywardError("not-found", `no node ${printable(name)}`, { hint: "see: keyward node list" });
}

/** Those that it reports of itself included, so that an explanation can say that they do not count. */
async function allFacts(tx: Transaction, name: NodeName): Promise<Facts<NodeName>> {
  const node: Node | null = await nodes.get(tx, name);
  if (node === null) throw new KeywardError("not-found", `no node ${printable(name)}`);
  const said = await saidOf(tx, name);
  return withReported(
    createFacts(node),
    said.map(({ attributes }) => attributes),
  );
}

/** What grants although the node itself can write it. */
function warningsOf(all: readonly Source[]): string[] {
  return all.flatMap(({ name, accepted, applying }) => [
    ...accepted.map(
      (path) =>
        `${name}.${path} is accepted: whoever writes it, the node itself among them, decides who gets keys`,
    ),
    ...(applying === true ? [`${name}: what was accepted is not applied to all nodes; accept it again`] : []),
  ]);
}

function explained(explanation: Explanation): Explained {
  const { matched, query, kind } = explanation;
  const parts =
    kind === "and" || kind === "or" ? explanation.parts : kind === "not" ? [explanation.part] : [];
  return { matched, term: query, because: summarize(explanation), parts: parts.map(explained) };
}

interface Judged {
  readonly entry: GrantEntry;
  readonly explanation: Explanation;
}

function sayWhy(
  roster: Roster,
  node: NodeEntry,
  key: KeyName,
  grants: readonly Judged[],
): Pick<Why, "has" | "summary"> {
  const { name, state } = node;
  const { desired, refused } = roster.placements(name);
  const by = desired.find(({ grant }) => grant.key === key);
  const judged = grants.find(({ entry }) => entry.grant === by?.grant);
  if (by !== undefined && judged !== undefined) {
    const { id, delivery } = by.grant;
    return {
      has: true,
      summary: `${name} has ${key} at ${placeOf(delivery)} by ${id}: ${summarize(judged.explanation)}`,
    };
  }
  const not = (why: string) => ({ has: false, summary: `${name} has no ${key}: ${why}` });
  if (state === "frozen") return not("it is frozen, so nothing is given to it and nothing taken from it");
  if (state !== "active") return not(`it is ${state}`);
  if (!roster.keys.has(key)) return not("there is no such key");
  const refusal = refused.find(({ grant }) => grant.key === key);
  if (refusal !== undefined) {
    const { grant, holder } = refusal;
    return not(`${grant.id} matches, but ${whyRefused(holder.id, holder.key, placeOf(holder.delivery))}`);
  }
  return not(sayMisses(roster, grants));
}

function sayMisses(roster: Roster, grants: readonly Judged[]): string {
  if (grants.length === 0) return "no grant gives it to anyone";
  return grants
    .map(({ entry, explanation }) => {
      const { grant } = entry;
      if (!roster.isLive(grant)) return `${grant.id} was made for an earlier key of this name`;
      return `${grant.id} wants ${grant.query}, but ${summarize(explanation)}`;
    })
    .join("; ");
}
