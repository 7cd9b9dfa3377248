/** Preview: what a change would do to whom, worked out on the roster without touching it. */
import type { GrantId } from "../model/grant.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import type { PlanLine } from "../model/plan.ts";
import { factsOf, type GrantEntry, type NodeEntry } from "./entries.ts";
import type { Ledger } from "./ledger.ts";
import { type Held, heldBy, nothing, planLine, type Refusal, stepsBetween } from "./placements.ts";
import { reasonOf, type Situation } from "./reasons.ts";
import type { Roster } from "./roster.ts";

export interface Preview {
  /** @param after - The node as it would be; `null`: removed. */
  node(name: NodeName, after: Node | null): PlanLine[];
  /** @param entry - Not in the roster yet. */
  grantAdded(entry: GrantEntry): PlanLine[];
  grantRemoved(id: GrantId): PlanLine[];
  keyRemoved(name: KeyName): PlanLine[];
  /** The first node on which the new grant and another one would stand in each other's way. */
  conflictOf(entry: GrantEntry): { readonly node: NodeName; readonly refusal: Refusal } | null;
}

export function createPreview(roster: Roster, ledger: Ledger): Preview {
  /** What is on the node before the change: a frozen one keeps what it has, whatever it should have. */
  function before(entry: NodeEntry | undefined): Held[] {
    if (entry === undefined) return [];
    return entry.state === "frozen"
      ? ledger.heldBy(entry.name)
      : roster.placements(entry.name).desired.map(heldBy);
  }

  function lines(name: NodeName, held: readonly Held[], now: Situation, entry?: GrantEntry): PlanLine[] {
    const grantOf = (id: GrantId) => (entry?.grant.id === id ? entry : roster.grants.get(id));
    return stepsBetween(held, now.resolution.desired).map((step) =>
      planLine(name, step, reasonOf(roster, step, now, grantOf)),
    );
  }

  /** A change of what matches, for active nodes: nothing moves on the others. */
  function regranted(
    nodes: Iterable<NodeEntry>,
    change: (matched: ReadonlySet<GrantEntry>) => Iterable<GrantEntry>,
    entry?: GrantEntry,
  ): PlanLine[] {
    return [...nodes].flatMap((node) => {
      if (node.state !== "active") return [];
      const resolution = roster.resolution(change(node.matched));
      return lines(node.name, before(node), { state: "active", facts: node.facts, resolution }, entry);
    });
  }

  function matched(entry: GrantEntry): NodeEntry[] {
    return roster.select(entry.query).flatMap((name) => roster.nodes.get(name) ?? []);
  }

  return {
    node(name, after) {
      const known = roster.nodes.get(name);
      if (after?.state === "frozen") return [];
      const facts = after === null ? null : factsOf(after);
      const resolution = after?.state === "active" ? roster.resolution(roster.matching(facts)) : nothing;
      return lines(name, before(known), { state: after?.state ?? "removed", facts, resolution });
    },
    grantAdded: (entry) => regranted(matched(entry), (grants) => [...grants, entry], entry),
    grantRemoved(id) {
      const entry = roster.grants.get(id);
      if (entry === undefined) return [];
      const left = regranted(entry.nodes, (grants) => [...grants].filter((one) => one !== entry));
      return left.map((line) =>
        line.change === "lose" ? { ...line, reason: `grant ${id} is removed` } : line,
      );
    },
    keyRemoved(name) {
      const nodes = new Set(roster.grantsOf(name).flatMap((entry) => [...entry.nodes]));
      const left = regranted(nodes, (grants) => [...grants].filter(({ grant }) => grant.key !== name));
      return left.map((line) => (line.change === "lose" ? { ...line, reason: "the key is removed" } : line));
    },
    conflictOf(entry) {
      for (const node of matched(entry)) {
        if (node.state === "revoked") continue;
        const { refused } = roster.resolution([...node.matched, entry]);
        // Made in the same millisecond as another grant, it may be the one that stays.
        const refusal = refused.find(({ grant, holder }) => grant === entry.grant || holder === entry.grant);
        if (refusal !== undefined) return { node: node.name, refusal };
      }
      return null;
    },
  };
}
