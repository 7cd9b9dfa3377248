/**
 * The API in one table: each operation's method, path, access rule and summary. The server serves from it,
 * the client calls from it, OpenAPI and `docs/api.md` are made of it. Shapes stand in `shapes.ts`, apart,
 * so that a command does not load the schema library.
 *
 * Paths: `{name}` is one segment, `{name...}` is the rest of the path (key names hold slashes).
 */
import type { Action, NodeAction } from "../model/principal.ts";

/** Who may call: anyone, a node for itself, or an operator whose rule covers the action on the resource. */
export type Access =
  | { readonly kind: "public" }
  | { readonly kind: "node"; readonly action: NodeAction }
  | { readonly kind: "signed-in" }
  | { readonly kind: "rule"; readonly action: Action };

export interface Operation {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  /** The answer is a stream of JSON lines that lasts. */
  readonly stream?: true;
  /** Served also while the server is sealed. */
  readonly whileSealed?: true;
  /** Changes something: takes `?dry-run=true`. */
  readonly changes?: true;
}

const anyone = { kind: "public" } as const;
const node = (action: NodeAction): Access => ({ kind: "node", action });
const signedIn = { kind: "signed-in" } as const;
const rule = (action: Action): Access => ({ kind: "rule", action });

export const operations = {
  "server.status": {
    method: "GET",
    path: "/v1/status",
    access: anyone,
    whileSealed: true,
    summary: "Is the server there, is it sealed, which version is it",
  },
  "server.openapi": {
    method: "GET",
    path: "/v1/openapi.json",
    access: anyone,
    whileSealed: true,
    summary: "This API as OpenAPI 3.1",
  },
  "server.metrics": {
    method: "GET",
    path: "/metrics",
    access: rule("metrics:read"),
    summary: "Figures for Prometheus",
  },

  "seal.list": {
    method: "GET",
    path: "/v1/seals",
    access: rule("seal:read"),
    whileSealed: true,
    summary: "The seals that protect the root key",
  },
  "seal.seal": {
    method: "POST",
    path: "/v1/seal",
    access: rule("seal:write"),
    summary: "Forget the root key until someone unseals",
  },
  "seal.unseal": {
    method: "POST",
    path: "/v1/unseal",
    access: rule("seal:write"),
    whileSealed: true,
    summary: "Open a seal with its passphrase or key file",
  },
  "seal.add": {
    method: "POST",
    path: "/v1/seals",
    access: rule("seal:write"),
    changes: true,
    summary: "Protect the root key by one more seal",
  },
  "seal.remove": {
    method: "DELETE",
    path: "/v1/seals/{id}",
    access: rule("seal:write"),
    changes: true,
    summary: "Remove a seal; the last one stays",
  },

  "key.list": {
    method: "GET",
    path: "/v1/keys",
    access: rule("key:list"),
    summary: "Names and states of keys, never values",
  },
  "key.show": {
    method: "GET",
    path: "/v1/keys/{name...}",
    access: rule("key:list"),
    summary: "One key: origin, versions, states",
  },
  "key.remove": {
    method: "DELETE",
    path: "/v1/keys/{name...}",
    access: rule("key:destroy"),
    changes: true,
    summary: "Destroy every version and forget the name",
  },
  "key.get": {
    method: "GET",
    path: "/v1/values/{name...}",
    access: rule("key:read"),
    summary: "The value of the primary version, or of the one asked for",
  },
  "key.put": {
    method: "PUT",
    path: "/v1/values/{name...}",
    access: rule("key:write"),
    changes: true,
    summary: "Store a value as the new primary version",
  },
  "key.generate": {
    method: "POST",
    path: "/v1/generate/{name...}",
    access: rule("key:write"),
    changes: true,
    summary: "Make a value by a recipe, as the new primary version",
  },
  "key.rotate": {
    method: "POST",
    path: "/v1/rotate/{name...}",
    access: rule("key:write"),
    changes: true,
    summary: "Make the next version by the key's recipe",
  },
  "key.rollback": {
    method: "POST",
    path: "/v1/rollback/{name...}",
    access: rule("key:write"),
    changes: true,
    summary: "Make an earlier version primary again",
  },
  "key.destroy": {
    method: "POST",
    path: "/v1/destroy/{name...}",
    access: rule("key:destroy"),
    changes: true,
    summary: "Destroy one version's value for good",
  },
  "key.history": {
    method: "GET",
    path: "/v1/history/{name...}",
    access: rule("key:list"),
    summary: "Versions, and which nodes received and proved them",
  },

  "node.list": {
    method: "GET",
    path: "/v1/nodes",
    access: rule("node:read"),
    summary: "Nodes, all or those that a query selects",
  },
  "node.show": {
    method: "GET",
    path: "/v1/nodes/{name}",
    access: rule("node:read"),
    summary: "One node: state, identity, attributes with their origin, what it holds",
  },
  "node.add": {
    method: "POST",
    path: "/v1/nodes",
    access: rule("node:write"),
    changes: true,
    summary: "Make a node known before it enrols",
  },
  "node.set": {
    method: "PATCH",
    path: "/v1/nodes/{name}",
    access: rule("node:write"),
    changes: true,
    summary: "Set or remove attributes",
  },
  "node.remove": {
    method: "DELETE",
    path: "/v1/nodes/{name}",
    access: rule("node:write"),
    changes: true,
    summary: "Revoke and forget a node",
  },
  "node.approve": {
    method: "POST",
    path: "/v1/nodes/{name}/approve",
    access: rule("node:enrol"),
    changes: true,
    summary: "Accept a pending node by its key's fingerprint",
  },
  "node.freeze": {
    method: "POST",
    path: "/v1/nodes/{name}/freeze",
    access: rule("node:write"),
    changes: true,
    summary: "Give a node nothing until it is thawed",
  },
  "node.thaw": {
    method: "POST",
    path: "/v1/nodes/{name}/thaw",
    access: rule("node:write"),
    changes: true,
    summary: "End a freeze",
  },
  "node.revoke": {
    method: "POST",
    path: "/v1/nodes/{name}/revoke",
    access: rule("node:write"),
    changes: true,
    summary: "Refuse a node from now on",
  },
  "joinToken.create": {
    method: "POST",
    path: "/v1/join-tokens",
    access: rule("node:enrol"),
    changes: true,
    summary: "A one-time token with which a node enrols",
  },

  "grant.list": {
    method: "GET",
    path: "/v1/grants",
    access: rule("grant:read"),
    summary: "Grants, all or those of a key",
  },
  "grant.add": {
    method: "POST",
    path: "/v1/grants",
    access: rule("grant:write"),
    changes: true,
    summary: "Grant a key to the nodes that a query selects",
  },
  "grant.remove": {
    method: "DELETE",
    path: "/v1/grants/{id}",
    access: rule("grant:write"),
    changes: true,
    summary: "Remove a grant; nodes lose the key",
  },
  "plan.show": {
    method: "GET",
    path: "/v1/plan",
    access: rule("grant:read"),
    summary: "Who gains and who loses what, and why",
  },
  "plan.why": {
    method: "GET",
    path: "/v1/why",
    access: rule("grant:read"),
    summary: "Why a node has a key, or what is missing",
  },
  "query.test": {
    method: "GET",
    path: "/v1/query",
    access: rule("node:read"),
    summary: "Which nodes a query selects, term by term",
  },

  "access.whoami": {
    method: "GET",
    path: "/v1/whoami",
    access: signedIn,
    whileSealed: true,
    summary: "Who the caller is and what its rules allow",
  },
  "token.create": {
    method: "POST",
    path: "/v1/tokens",
    access: rule("access:write"),
    changes: true,
    summary: "A token for an operator; its secret is shown once",
  },
  "token.list": {
    method: "GET",
    path: "/v1/tokens",
    access: rule("access:read"),
    summary: "Tokens, never their secrets",
  },
  "token.revoke": {
    method: "DELETE",
    path: "/v1/tokens/{id}",
    access: rule("access:write"),
    changes: true,
    summary: "Refuse a token from now on",
  },
  "rule.list": { method: "GET", path: "/v1/rules", access: rule("access:read"), summary: "Rules by name" },
  "rule.put": {
    method: "PUT",
    path: "/v1/rules/{name}",
    access: rule("access:write"),
    changes: true,
    summary: "Write a rule: actions and prefixes",
  },
  "rule.remove": {
    method: "DELETE",
    path: "/v1/rules/{name}",
    access: rule("access:write"),
    changes: true,
    summary: "Remove a rule; who had it loses it",
  },

  "ca.show": {
    method: "GET",
    path: "/v1/ca",
    access: anyone,
    whileSealed: true,
    summary: "The certificates to trust, with fingerprints",
  },
  "ca.rotate": {
    method: "POST",
    path: "/v1/ca/rotate",
    access: rule("ca:rotate"),
    changes: true,
    summary: "Make a new CA; the old one stays trusted for a time",
  },
  "ca.crl": {
    method: "GET",
    path: "/v1/crl",
    access: anyone,
    summary: "The certificate revocation list, PEM",
  },
  "cert.list": {
    method: "GET",
    path: "/v1/certs",
    access: rule("cert:read"),
    summary: "Certificates issued for others than nodes",
  },
  "cert.sign": {
    method: "POST",
    path: "/v1/certs",
    access: rule("cert:sign"),
    changes: true,
    summary: "Sign a certificate request, names limited by rule",
  },
  "cert.revoke": {
    method: "POST",
    path: "/v1/certs/{serial}/revoke",
    access: rule("cert:revoke"),
    changes: true,
    summary: "Revoke a certificate by serial number",
  },

  "agent.enrol": {
    method: "POST",
    path: "/v1/enrol",
    access: anyone,
    summary: "A node's first contact: a request for a certificate, with a join token or awaiting approval",
  },
  "agent.renew": {
    method: "POST",
    path: "/v1/renew",
    access: node("node:renew"),
    summary: "The next certificate generation",
  },
  "agent.watch": {
    method: "POST",
    path: "/v1/watch",
    access: node("node:watch"),
    stream: true,
    summary: "What this node should hold, now and after each change",
  },
  "agent.bundle": {
    method: "POST",
    path: "/v1/bundle",
    access: node("node:deliver"),
    summary: "What this node should hold, once",
  },
  "agent.report": {
    method: "POST",
    path: "/v1/report",
    access: node("node:report"),
    summary: "Proofs of what it holds, drift, reported facts",
  },

  "audit.list": {
    method: "GET",
    path: "/v1/audit",
    access: rule("audit:read"),
    summary: "Events, oldest first, by page",
  },
  "audit.tail": {
    method: "GET",
    path: "/v1/audit/tail",
    access: rule("audit:read"),
    stream: true,
    summary: "Events as they happen",
  },
  "audit.verify": {
    method: "POST",
    path: "/v1/audit/verify",
    access: rule("audit:read"),
    summary: "Check the chain and its signatures",
  },
  "audit.checkpoint": {
    method: "POST",
    path: "/v1/audit/checkpoint",
    access: rule("audit:read"),
    summary: "A signed statement of the newest event, to keep elsewhere",
  },
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationName = keyof typeof operations;
