/** Agents: first contact, renewal, what a node should hold, and what it says back. */

import type { Caller } from "../../audit/audit.ts";
import { KeywardError } from "../../base/errors.ts";
import type { NodeName } from "../../model/name.ts";
import { formatPrincipal } from "../../model/principal.ts";
import type { Parts } from "../parts.ts";
import type { HandlersOf } from "./handler.ts";
import { asTree } from "./nodes.ts";

export function agentHandlers(parts: Pick<Parts, "authority" | "fleet" | "watches">): HandlersOf<"agent"> {
  const { authority, fleet, watches } = parts;
  return {
    "agent.enrol": (caller, { body: { facts, ...request } }) =>
      authority.enrol(caller, { ...request, ...(facts && { facts: asTree(facts) }) }),
    "agent.renew": (caller, { body }) => authority.renew(caller, body.csr),
    "agent.watch": (caller, { body }, sink) => watches.open(caller, nodeOf(caller), body.held, sink),
    "agent.bundle": async (caller, { body }) => ({
      ...(await fleet.bundleFor(caller, body.held)),
      ca: authority.trusted(),
    }),
    "agent.report": (caller, { body: { facts, ...report } }) =>
      fleet.report(caller, { ...report, ...(facts && { facts: asTree(facts) }) }),
  };
}

function nodeOf({ by }: Caller): NodeName {
  if (by.kind === "node") return by.name;
  throw new KeywardError("denied", `${formatPrincipal(by)}: only a node watches`);
}
