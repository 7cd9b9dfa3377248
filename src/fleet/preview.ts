/** Preview: what a change would do to whom, worked out on the roster without touching it. */
import { type GrantId, placeOf } from "../model/grant.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import type { PlanLine } from "../model/plan.ts";
import { factsOf, type GrantEntry, type NodeEntry } from "./entries.ts";
import type { Ledger } from "./ledger.ts";
import { fateOf, type Held, heldBy, nothing, planLine, type Refusal, stepsBetween } from "./placements.ts";
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

  /** @param loss - Why something is lost, where the change says it best. */
  function lines(
    name: NodeName,
    held: readonly Held[],
    now: Situation,
    { entry, loss }: { entry?: GrantEntry | undefined; loss?: string | undefined } = {},
  ): PlanLine[] {
    const grantOf = (id: GrantId) => (entry?.grant.id === id ? entry : roster.grants.get(id));
    return stepsBetween(held, now.resolution.desired).map((step) => {
      const why = step.change === "lose" ? loss : undefined;
      return planLine(name, step, why ?? reasonOf(roster, step, now, grantOf));
    });
  }

  /** A change of what matches, for active nodes: nothing moves on the others. */
  function regranted(
    nodes: Iterable<NodeEntry>,
    change: (matched: ReadonlySet<GrantEntry>) => Iterable<GrantEntry>,
    more: { entry?: GrantEntry; loss?: string },
  ): PlanLine[] {
    return [...nodes].flatMap((node) => {
      if (node.state !== "active") return [];
      const resolution = roster.resolution(change(node.matched));
      return lines(node.name, before(node), { state: "active", facts: node.facts, resolution }, more);
    });
  }

  /** Nothing moves but volumes of which the grant says so. */
  function frozen({ name }: NodeEntry): PlanLine[] {
    return roster.placements(name).desired.flatMap((one): PlanLine[] => {
      const { delivery, key } = one.grant;
      if (delivery.kind !== "unlock" || delivery.atFreeze === undefined) return [];
      const reason = `the node is frozen; ${fateOf(delivery, delivery.atFreeze)}`;
      return [{ change: "lose", node: name, key, path: placeOf(delivery), reason, held: one.version }];
    });
  }

  function matched(entry: GrantEntry): NodeEntry[] {
    return roster.select(entry.query).flatMap((name) => roster.nodes.get(name) ?? []);
  }

  return {
    node(name, after) {
      const known = roster.nodes.get(name);
      if (after?.state === "frozen") return known?.state === "active" ? frozen(known) : [];
      const facts = after === null ? null : factsOf(after);
      const resolution = after?.state === "active" ? roster.resolution(roster.matching(facts)) : nothing;
      return lines(name, before(known), { state: after?.state ?? "removed", facts, resolution });
    },
    grantAdded: (entry) => regranted(matched(entry), (grants) => [...grants, entry], { entry }),
    grantRemoved(id) {
      const entry = roster.grants.get(id);
      if (entry === undefined) return [];
      const loss = `grant ${id} is removed`;
      return regranted(entry.nodes, (grants) => [...grants].filter((one) => one !== entry), { loss });
    },
    keyRemoved(name) {
      const nodes = new Set(roster.grantsOf(name).flatMap((entry) => [...entry.nodes]));
      const loss = "the key is removed";
      return regranted(nodes, (grants) => [...grants].filter(({ grant }) => grant.key !== name), { loss });
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
