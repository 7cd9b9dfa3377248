/** Principal: who acts. Deny by default: an act needs a rule that names its action and covers its resource. */
import type { NodeName } from "./name.ts";

/** What a rule can allow. Key, grant and disk actions are limited by key prefix, node actions by node-name prefix. */
export const actions = [
  "key:list",
  "key:read",
  "key:write",
  "key:destroy",
  "grant:read",
  "grant:write",
  /** Grants that do more to a machine than a file in the agent's own directory: another path, a program. */
  "grant:run",
  /** Say yes to a node that waits for a volume's key. */
  "disk:approve",
  /** Fetch the sealed shares of a volume's recovery key, and have a new one made. */
  "disk:escrow",
  "node:read",
  "node:write",
  "node:enrol",
  /** Push what a node without an agent should hold, now. */
  "node:push",
  /** Of a source by name: what it knows of nodes. What is accepted of it grants, so that who writes it hands keys out. */
  "inventory:read",
  "inventory:write",
  "access:read",
  "access:write",
  "cert:read",
  "cert:sign",
  "cert:revoke",
  "ca:rotate",
  "seal:read",
  "seal:write",
  "audit:read",
  "metrics:read",
] as const;

export type Action = (typeof actions)[number];

/** What only a node does, for itself; no rule gives these. */
export type NodeAction =
  | "node:watch"
  | "node:deliver"
  | "node:unlock"
  | "node:escrow"
  | "node:pillar"
  | "node:report"
  | "node:renew";

/** What the program does by itself. */
export type SystemAction =
  | "server:start"
  | "server:stop"
  | "access:login"
  | "node:first-contact"
  | "schedule:run"
  /** A sealed value opened for a task, as Secretary's daemon does. */
  | "value:open";

export interface Allow {
  readonly actions: readonly Action[] | "*";
  /** `""` covers everything; `db/` covers what begins with it; `db/x` covers only itself. */
  readonly prefix: string;
}

export interface Rule {
  readonly name: string;
  readonly allow: readonly Allow[];
}

export type Principal =
  /** A person or program with a token or a client certificate; `rules` are resolved when it is authenticated. */
  | { readonly kind: "operator"; readonly name: string; readonly rules: readonly Rule[] }
  /** The owner of the store's directory, working on it without a server: may do everything. */
  | { readonly kind: "local"; readonly name: string }
  | { readonly kind: "node"; readonly name: NodeName }
  | { readonly kind: "system"; readonly name: "server" | "schedule" }
  | { readonly kind: "anonymous" };

/** `operator:alice`, `node:db1`, `local:root`, `system:schedule`, `anonymous`: as events name them. */
export function formatPrincipal(who: Principal): string {
  return who.kind === "anonymous" ? "anonymous" : `${who.kind}:${who.name}`;
}

/** May this principal do this to that? */
export function permits(
  who: Principal,
  action: Action | NodeAction | SystemAction,
  resource: string,
): boolean {
  switch (who.kind) {
    case "local":
    case "system":
      return true;
    case "operator":
      return who.rules.some((rule) => rule.allow.some((allow) => allows(allow, action, resource)));
    case "node":
      return action.startsWith("node:") && isNodeAction(action) && resource === who.name;
    case "anonymous":
      return action === "access:login" || action === "node:first-contact";
  }
}

function allows(allow: Allow, action: string, resource: string): boolean {
  const named =
    allow.actions === "*"
      ? (actions as readonly string[]).includes(action)
      : (allow.actions as readonly string[]).includes(action);
  return named && covers(allow.prefix, resource);
}

function covers(prefix: string, resource: string): boolean {
  return prefix === "" || resource === prefix || (prefix.endsWith("/") && resource.startsWith(prefix));
}

function isNodeAction(action: string): action is NodeAction {
  return (
    action === "node:watch" ||
    action === "node:deliver" ||
    action === "node:unlock" ||
    action === "node:escrow" ||
    action === "node:pillar" ||
    action === "node:report" ||
    action === "node:renew"
  );
}
