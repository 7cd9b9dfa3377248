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

export interface Traits {
  /** The answer is a stream of JSON lines that lasts. */
  readonly stream?: true;
  /** Served also while the server is sealed. */
  readonly whileSealed?: true;
  /** Changes something: takes `?dry-run=true`. */
  readonly changes?: true;
}

export interface Operation extends Traits {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
}

const anyone = { kind: "public" } as const;
const node = (action: NodeAction): Access => ({ kind: "node", action });
const signedIn = { kind: "signed-in" } as const;
const rule = (action: Action): Access => ({ kind: "rule", action });

/** @param route - The method, a blank, the path. */
function on(route: string, access: Access, summary: string, traits: Traits = {}): Operation {
  const [method, path] = route.split(" ") as [Operation["method"], string];
  return { method, path, access, summary, ...traits };
}

export const operations = {
  "server.status": on("GET /v1/status", anyone, "Is the server there, is it sealed, which version is it", {
    whileSealed: true,
  }),
  "server.openapi": on("GET /v1/openapi.json", anyone, "This API as OpenAPI 3.1", { whileSealed: true }),
  "server.metrics": on("GET /metrics", rule("metrics:read"), "Figures for Prometheus"),

  "seal.list": on("GET /v1/seals", rule("seal:read"), "The seals that protect the root key", {
    whileSealed: true,
  }),
  "seal.seal": on("POST /v1/seal", rule("seal:write"), "Forget the root key until someone unseals", {
    changes: true,
  }),
  "seal.unseal": on(
    "POST /v1/unseal",
    rule("seal:write"),
    "Open a seal with its passphrase or key file, or by AWS KMS",
    {
      whileSealed: true,
    },
  ),
  "seal.add": on("POST /v1/seals", rule("seal:write"), "Protect the root key by one more seal", {
    changes: true,
  }),
  "seal.remove": on("DELETE /v1/seals/{id}", rule("seal:write"), "Remove a seal; the last one stays", {
    changes: true,
  }),

  "key.list": on("GET /v1/keys", rule("key:list"), "Names and states of keys, never values"),
  "key.show": on("GET /v1/keys/{name...}", rule("key:list"), "One key: origin, versions, states"),
  "key.remove": on(
    "DELETE /v1/keys/{name...}",
    rule("key:destroy"),
    "Destroy every version and forget the name",
    { changes: true },
  ),
  "key.get": on(
    "GET /v1/values/{name...}",
    rule("key:read"),
    "The value of the primary version, or of the one asked for",
  ),
  "key.text": on(
    "GET /v1/texts/{name...}",
    rule("key:read"),
    "The same value as one JSON string, for readers that take nothing else; refused when it is no text",
  ),
  "key.put": on("PUT /v1/values/{name...}", rule("key:write"), "Store a value as the new primary version", {
    changes: true,
  }),
  "key.generate": on(
    "POST /v1/generate/{name...}",
    rule("key:write"),
    "Make a value by a recipe, as the new primary version",
    { changes: true },
  ),
  "key.derive": on(
    "POST /v1/derive/{name...}",
    rule("key:write"),
    "Say how each node makes the value from its own seed, as the new primary version",
    { changes: true },
  ),
  "key.rotate": on(
    "POST /v1/rotate/{name...}",
    rule("key:write"),
    "Make the next version by the key's recipe; of a derived key, the next number",
    { changes: true },
  ),
  "key.rollback": on(
    "POST /v1/rollback/{name...}",
    rule("key:write"),
    "Make an earlier version primary again",
    { changes: true },
  ),
  "key.destroy": on(
    "POST /v1/destroy/{name...}",
    rule("key:destroy"),
    "Destroy one version's value for good",
    { changes: true },
  ),
  "key.history": on(
    "GET /v1/history/{name...}",
    rule("key:list"),
    "Versions, and which nodes received and proved them",
  ),

  "node.list": on("GET /v1/nodes", rule("node:read"), "Nodes, all or those that a query selects"),
  "node.show": on(
    "GET /v1/nodes/{name}",
    rule("node:read"),
    "One node: state, identity, attributes with their origin, what it holds",
  ),
  "node.add": on("POST /v1/nodes", rule("node:write"), "Make a node known before it enrols", {
    changes: true,
  }),
  "node.set": on("PATCH /v1/nodes/{name}", rule("node:write"), "Set or remove attributes", { changes: true }),
  "node.remove": on("DELETE /v1/nodes/{name}", rule("node:write"), "Revoke and forget a node", {
    changes: true,
  }),
  "node.approve": on(
    "POST /v1/nodes/{name}/approve",
    rule("node:enrol"),
    "Accept a pending node by its key's fingerprint",
    { changes: true },
  ),
  "node.freeze": on(
    "POST /v1/nodes/{name}/freeze",
    rule("node:write"),
    "Give a node nothing until it is thawed",
    { changes: true },
  ),
  "node.thaw": on("POST /v1/nodes/{name}/thaw", rule("node:write"), "End a freeze", { changes: true }),
  "node.revoke": on("POST /v1/nodes/{name}/revoke", rule("node:write"), "Refuse a node from now on", {
    changes: true,
  }),
  "node.push": on(
    "PUT /v1/nodes/{name}/push",
    rule("node:enrol"),
    "How a node without an agent is reached by SSH; its host keys are its identity",
    { changes: true },
  ),
  "push.run": on("POST /v1/push", rule("node:push"), "Push what nodes without an agent should hold, now", {
    stream: true,
  }),
  "ssh.keys": on("GET /v1/ssh/keys", rule("node:read"), "The key that Keyward pushes with, and its SSH CA"),
  "ssh.sign": on(
    "POST /v1/ssh/certificates",
    rule("cert:sign"),
    "Sign an SSH certificate for a user or a host, names limited by rule",
    { changes: true },
  ),
  "ssh.list": on("GET /v1/ssh/certificates", rule("cert:read"), "SSH certificates that were signed"),
  "ssh.revoke": on(
    "POST /v1/ssh/certificates/{serial}/revoke",
    rule("cert:revoke"),
    "Revoke an SSH certificate by serial number",
    { changes: true },
  ),
  "ssh.krl": on("GET /v1/ssh/krl", rule("cert:read"), "The SSH key revocation list, as sshd reads it"),
  "joinToken.create": on(
    "POST /v1/join-tokens",
    rule("node:enrol"),
    "A one-time token with which a node enrols",
    { changes: true },
  ),

  "inventory.list": on(
    "GET /v1/inventories",
    rule("inventory:read"),
    "Sources from outside, and what is accepted of each",
  ),
  "inventory.put": on(
    "PUT /v1/inventories/{source}/nodes",
    rule("inventory:write"),
    "What a source says of some nodes; those that are not known are made",
    { changes: true },
  ),
  "inventory.finish": on(
    "POST /v1/inventories/{source}/finish",
    rule("inventory:write"),
    "These are all nodes of the source: what it said of others is forgotten",
    { changes: true },
  ),
  "inventory.accept": on(
    "POST /v1/inventories/{source}/accept",
    rule("inventory:write"),
    "Let parts of what a source says grant, or no longer; needs node:write on every node",
    { changes: true },
  ),

  "grant.list": on("GET /v1/grants", rule("grant:read"), "Grants, all or those of a key"),
  "grant.add": on("POST /v1/grants", rule("grant:write"), "Grant a key to the nodes that a query selects", {
    changes: true,
  }),
  "grant.remove": on("DELETE /v1/grants/{id}", rule("grant:write"), "Remove a grant; nodes lose the key", {
    changes: true,
  }),
  "plan.show": on("GET /v1/plan", rule("grant:read"), "Who gains and who loses what, and why"),
  "plan.why": on("GET /v1/why", rule("grant:read"), "Why a node has a key, or what is missing"),
  "query.test": on("GET /v1/query", rule("node:read"), "Which nodes a query selects, term by term"),

  "pillar.show": on(
    "GET /v1/pillar/{node}",
    rule("node:read"),
    "What a node should hold, for a configuration manager: references; with `values` also what the caller may read",
  ),

  "disk.list": on(
    "GET /v1/disks",
    rule("grant:read"),
    "Volumes that keys unlock: by node, opened when, who waits",
  ),
  "disk.approve": on(
    "POST /v1/disks/approve",
    rule("disk:approve"),
    "Say yes to the next opening of a node's volume",
    { changes: true },
  ),
  "disk.shares": on(
    "POST /v1/disks/shares",
    rule("disk:escrow"),
    "The sealed shares of a volume's recovery key, for those who hold them; that they went out is kept",
  ),
  "disk.renew": on(
    "POST /v1/disks/renew",
    rule("disk:escrow"),
    "Have the node make a new recovery key, in place of one that was used",
    { changes: true },
  ),

  "access.whoami": on("GET /v1/whoami", signedIn, "Who the caller is and what its rules allow", {
    whileSealed: true,
  }),
  "token.create": on(
    "POST /v1/tokens",
    rule("access:write"),
    "A token for an operator; its secret is shown once",
    { changes: true },
  ),
  "token.list": on("GET /v1/tokens", rule("access:read"), "Tokens, never their secrets"),
  "token.revoke": on("DELETE /v1/tokens/{id}", rule("access:write"), "Refuse a token from now on", {
    changes: true,
  }),
  "rule.list": { method: "GET", path: "/v1/rules", access: rule("access:read"), summary: "Rules by name" },
  "rule.put": on("PUT /v1/rules/{name}", rule("access:write"), "Write a rule: actions and prefixes", {
    changes: true,
  }),
  "rule.remove": on("DELETE /v1/rules/{name}", rule("access:write"), "Remove a rule; who had it loses it", {
    changes: true,
  }),

  "ca.show": on("GET /v1/ca", anyone, "The certificates to trust, with fingerprints", { whileSealed: true }),
  "ca.rotate": on(
    "POST /v1/ca/rotate",
    rule("ca:rotate"),
    "Make a new CA; the old one stays trusted for a time",
    { changes: true },
  ),
  "ca.crl": on("GET /v1/crl", anyone, "The certificate revocation list, PEM"),
  "cert.list": on("GET /v1/certs", rule("cert:read"), "Certificates issued for others than nodes"),
  "cert.sign": on("POST /v1/certs", rule("cert:sign"), "Sign a certificate request, names limited by rule", {
    changes: true,
  }),
  "cert.revoke": on(
    "POST /v1/certs/{serial}/revoke",
    rule("cert:revoke"),
    "Revoke a certificate by serial number",
    { changes: true },
  ),

  "agent.enrol": on(
    "POST /v1/enrol",
    anyone,
    "A node's first contact: a request for a certificate, with a join token or awaiting approval",
  ),
  "agent.renew": on("POST /v1/renew", node("node:renew"), "The next certificate generation"),
  "agent.watch": on(
    "POST /v1/watch",
    node("node:watch"),
    "What this node should hold, now and after each change",
    { stream: true },
  ),
  "agent.bundle": on("POST /v1/bundle", node("node:deliver"), "What this node should hold, once"),
  "agent.unlock": on(
    "POST /v1/unlock",
    node("node:unlock"),
    "The key of one of this node's volumes, now: conditions, count and event in one step",
  ),
  "agent.escrow": on(
    "POST /v1/escrow",
    node("node:escrow"),
    "The shares of a volume's recovery key, sealed to those who hold them",
  ),
  "agent.pillar": on(
    "GET /v1/pillar",
    node("node:pillar"),
    "What this node should hold, as references, for its own configuration manager",
  ),
  "agent.report": on(
    "POST /v1/report",
    node("node:report"),
    "Proofs of what it holds, drift, reported facts",
  ),

  "audit.list": on("GET /v1/audit", rule("audit:read"), "Events, oldest first, by page"),
  "audit.tail": on("GET /v1/audit/tail", rule("audit:read"), "Events as they happen", { stream: true }),
  "audit.verify": on("POST /v1/audit/verify", rule("audit:read"), "Check the chain and its signatures"),
  "audit.checkpoint": on(
    "POST /v1/audit/checkpoint",
    rule("audit:read"),
    "A signed statement of the newest event, to keep elsewhere",
  ),
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationName = keyof typeof operations;
