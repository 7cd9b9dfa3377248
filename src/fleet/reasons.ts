/** Reasons: why a line stands in a plan, in one sentence for people. */
import type { Facts } from "../model/facts.ts";
import { type GrantId, placeOf } from "../model/grant.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { NodeState } from "../model/node.ts";
import { explain, summarize } from "../model/query/query.ts";
import type { GrantEntry } from "./entries.ts";
import type { Held, Resolution, Step } from "./placements.ts";
import type { Roster } from "./roster.ts";

/** What a node is or would be. `null` facts: it is gone, or has too many attributes. */
export interface Situation {
  readonly state: NodeState | "removed";
  readonly facts: Facts<NodeName> | null;
  readonly resolution: Resolution;
}

/** @param grantOf - The grants as they are, or would be. */
export function reasonOf(
  roster: Roster,
  step: Step,
  now: Situation,
  grantOf: (id: GrantId) => GrantEntry | undefined,
): string {
  switch (step.change) {
    case "gain":
      return whyMatched(grantOf(step.after.grant.id), now.facts);
    case "replace": {
      const { before, after } = step;
      if (before.version !== after.version)
        return `version ${after.version} follows version ${before.version}`;
      return `installed as ${after.grant.id} says: ${whyMatched(grantOf(after.grant.id), now.facts)}`;
    }
    case "lose":
      return whyLost(roster, step.before, now);
  }
}

export function whyMatched(entry: GrantEntry | undefined, facts: Facts | null): string {
  if (entry === undefined || facts === null) return "a grant matches";
  return `${entry.grant.query}: ${summarize(explain(entry.query, facts))}`;
}

function whyLost(roster: Roster, { key, path }: Held, { state, facts, resolution }: Situation): string {
  if (state !== "active") return `the node is ${state}`;
  if (roster.keys.get(key) === undefined) return "the key is removed";
  if (facts === null) return "the node has more attributes than may be looked at";
  const refused = resolution.refused.find(
    ({ grant }) => grant.key === key && placeOf(grant.delivery) === path,
  );
  if (refused !== undefined) return whyRefused(refused.holder.id, refused.holder.key, path);
  const entry = grantFor(roster, key, path);
  if (entry === undefined) return `no grant of ${key} puts it there`;
  return `no longer matches ${entry.grant.query}: ${summarize(explain(entry.query, facts))}`;
}

export function whyRefused(holder: GrantId, key: KeyName, path: string): string {
  return `${holder}, which is older, has ${path} for ${key}`;
}

/** The grant that most likely put it there. */
function grantFor(roster: Roster, key: KeyName, path: string): GrantEntry | undefined {
  return roster.grantsOf(key).find(({ grant }) => placeOf(grant.delivery) === path && roster.isLive(grant));
}
