/** Agents: first contact, renewal, what a node should hold, and what it says back. */

import type { Caller } from "../../audit/audit.ts";
import { KeywardError } from "../../base/errors.ts";
import type { NodeName } from "../../model/name.ts";
import { formatPrincipal } from "../../model/principal.ts";
import type { Serving } from "../serving.ts";
import { trustedOf } from "../trusted.ts";
import type { HandlersOf } from "./handler.ts";
import { asTree } from "./nodes.ts";

export function agentHandlers(parts: Pick<Serving, "authority" | "fleet" | "watches">): HandlersOf<"agent"> {
  const { authority, fleet, watches } = parts;
  return {
    "agent.enrol": (_caller, { body: { facts, ...request }, connection }) =>
      authority.enrol({ ...request, ...(facts && { facts: asTree(facts) }) }, connection.from),
    "agent.renew": (caller, { body, connection: { generation } }) =>
      authority.renew(caller, { ...body, ...(generation !== undefined && { generation }) }),
    "agent.watch": (caller, { body: { held }, connection: { again } }, sink) =>
      watches.open(caller, { node: nodeOf(caller), held, again }, sink),
    "agent.unlock": (caller, { body: { name, rehearse }, connection: { from } }) =>
      fleet.unlock(caller, name, from, { rehearse: rehearse === true }),
    "agent.escrow": (caller, { body }) => fleet.escrow(caller, body),
    "agent.bundle": async (caller, { body }) => ({
      ...(await fleet.bundleFor(caller, body.held)),
      ca: trustedOf(authority),
    }),
    "agent.pillar": (caller) => fleet.pillar(caller, nodeOf(caller)),
    "agent.report": (caller, { body: { facts, ...report } }) =>
      fleet.report(caller, { ...report, ...(facts && { facts: asTree(facts) }) }),
  };
}

function nodeOf({ by }: Caller): NodeName {
  if (by.kind === "node") return by.name;
  throw new KeywardError("denied", `${formatPrincipal(by)}: only a node asks for this`);
}
