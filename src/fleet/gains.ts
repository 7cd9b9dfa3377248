/**
 * Gains: attributes decide who receives keys, so who writes them hands keys out. A rule for `node:write` on every
 * node says just that. A rule for some nodes does not: with it a node of one's own could be made to match any
 * grant, and the key be read there. So it takes `grant:write` as well on each key that the change wins.
 */
import { KeywardError } from "../base/errors.ts";
import type { KeyName } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import { formatPrincipal, type Principal, permits } from "../model/principal.ts";
import { factsOf } from "./entries.ts";
import type { Roster } from "./roster.ts";

/** No node is called so: only a rule for every node covers it. */
export const EVERY_NODE = "*";

/**
 * @param before - As it is; without attributes when it is new.
 * @throws KeywardError `denied`: also for a node that has not enrolled, since what it is attested then is not known.
 */
export function assertMayGain(by: Principal, roster: Roster, before: Node, after: Node): void {
  if (permits(by, "node:write", EVERY_NODE)) return;
  if (after.state === "pending") {
    if (Object.keys(after.attributes.set).length === 0) return;
    throw refusal(by, after, "waits to be enrolled, and its attributes may win it any key");
  }
  const had = keysFor(roster, before);
  for (const key of keysFor(roster, after)) {
    if (!had.has(key) && !permits(by, "grant:write", key)) throw refusal(by, after, `would win ${key}`);
  }
}

/** Whatever its state: it may be thawed tomorrow. */
function keysFor(roster: Roster, node: Node): Set<KeyName> {
  return new Set([...roster.matching(factsOf(node))].map(({ grant }) => grant.key));
}

function refusal(by: Principal, { name }: Node, why: string): KeywardError {
  return new KeywardError("denied", `${formatPrincipal(by)}: node ${name} ${why}`, {
    hint: "ask for a rule that allows node:write on every node, or grant:write on that key",
  });
}
