/** Grants, and what follows from them: the plan, the reasons, pillars, what a query selects, the volumes that open by them. */
import type { Serving } from "../serving.ts";
import type { HandlersOf } from "./handler.ts";

export function grantHandlers({
  fleet,
}: Pick<Serving, "fleet">): HandlersOf<"grant"> &
  HandlersOf<"plan"> &
  HandlersOf<"query"> &
  HandlersOf<"pillar"> &
  HandlersOf<"disk"> {
  return {
    "grant.list": async (caller, { query }) => ({ grants: await fleet.grants.list(caller, query) }),
    "grant.add": (caller, { body }) => fleet.grants.add(caller, body),
    "grant.remove": (caller, { path }) => fleet.grants.remove(caller, path.id),
    "plan.show": (caller, { query }) => fleet.plan(caller, query),
    "plan.why": (caller, { query }) => fleet.why(caller, query.node, query.key),
    "pillar.show": (caller, { path, query }) =>
      fleet.pillar(caller, path.node, { values: query.values === "true" }),
    "disk.list": async (caller, { query }) => ({ volumes: await fleet.volumes(caller, query) }),
    "disk.approve": (caller, { body }) => fleet.approve(caller, body.node, body.name),
    "disk.shares": (caller, { body }) => fleet.shares(caller, body.node, body.name),
    "disk.renew": (caller, { body }) => fleet.renewEscrow(caller, body.node, body.name),
    "query.test": (caller, { query }) => fleet.testQuery(caller, query.query, query.node),
  };
}
