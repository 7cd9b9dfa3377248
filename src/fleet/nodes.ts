/** Nodes: the acts that operators do on them. Each change says what it does to whom. */
import type { Caller, Detail, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Clock } from "../base/time.ts";
import { parsePublicLine } from "../formats/openssh/openssh.ts";
import type { DeliveryRecord } from "../model/grant.ts";
import { type NodeName, parseNodeName, printable } from "../model/name.ts";
import { type AttributeTree, type Node, type NodeState, noAttributes } from "../model/node.ts";
import type { PlanLine } from "../model/plan.ts";
import { type PushInput, type PushSettings, parsePushSettings } from "../model/push.ts";
import { parseQuery } from "../model/query/query.ts";
import type { SshTarget } from "../model/remote-host.ts";
import { deliveries, nodes } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";
import { assertAttributes, changeAttributes } from "./attributes.ts";
import { assertMayGain } from "./gains.ts";
import { forgetRows, saidOf } from "./inventory-rows.ts";
import type { Ledger } from "./ledger.ts";
import { compareNames, pageOf } from "./order.ts";
import type { Preview } from "./preview.ts";
import { reachOf } from "./reach.ts";
import type { Roster } from "./roster.ts";

export interface NodeList {
  /** In order of name. */
  readonly nodes: readonly Node[];
  readonly more: boolean;
}

export interface NodeChange {
  readonly node: Node;
  readonly effect: readonly PlanLine[];
}

/** Names come as text and are parsed here. Every act throws KeywardError `denied`, and `usage` for a bad name. */
export interface Nodes {
  /** Those that the caller's rules cover. `after`: a name, for paging. @throws KeywardError `malformed` for a bad query. */
  list(
    caller: Caller,
    filter?: {
      query?: string | undefined;
      state?: NodeState | undefined;
      after?: string | undefined;
      limit?: number | undefined;
    },
  ): Promise<NodeList>;
  /** @throws KeywardError `not-found` */
  show(
    caller: Caller,
    name: string,
  ): Promise<{
    node: Node;
    holds: DeliveryRecord[];
    inventories: { source: string; attributes: AttributeTree }[];
  }>;
  /**
   * Known, and `pending` until it enrols. With attributes the rule must be for every node.
   *
   * @throws KeywardError `conflict` when it is known.
   */
  add(caller: Caller, input: { name: string; attributes?: AttributeTree | undefined }): Promise<NodeChange>;
  /**
   * Dotted path to value; `null` removes. What wins a key needs a rule for every node, or `grant:write` on the key.
   *
   * @throws KeywardError `not-found`, `usage`, `conflict`, `too-large`
   */
  set(caller: Caller, name: string, changes: AttributeTree): Promise<NodeChange>;
  /** Forget it, and what was delivered to it; the audit log keeps that. @throws KeywardError `not-found` */
  remove(caller: Caller, name: string): Promise<{ effect: readonly PlanLine[] }>;
  /** @throws KeywardError `not-found`; `conflict` unless it is active or frozen. */
  freeze(caller: Caller, name: string, reason?: string): Promise<NodeChange>;
  /** @throws KeywardError `not-found`; `conflict` unless it is frozen or active. */
  thaw(caller: Caller, name: string): Promise<NodeChange>;
  /**
   * How a node without an agent is reached, or `null` for one that has an agent. Its host keys are its identity: one that
   * was pending is active from then on. Wants `node:enrol`.
   *
   * @throws KeywardError `not-found`, `usage`; `conflict` when it has enrolled with an agent.
   */
  push(caller: Caller, name: string, input: PushInput | null): Promise<NodeChange>;
  /** @throws KeywardError `not-found` */
  revoke(caller: Caller, name: string, reason?: string): Promise<NodeChange>;
}

export interface NodesNeeds {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly preview: Preview;
}

const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;

export function createNodes({ journal, clock, roster, ledger, preview }: NodesNeeds): Nodes {
  async function change(
    caller: Caller,
    name: string,
    edit: (node: Node) => Node,
    detail: Detail,
  ): Promise<NodeChange> {
    const resource = parseNodeName(name);
    return journal.act({ ...caller, action: "node:write", resource }, async (tx, known) => {
      const node = edit(await find(tx, resource));
      Object.assign(known, detail);
      nodes.put(tx, node);
      return { node, effect: preview.node(resource, node) };
    });
  }

  function toState(state: NodeState, from: readonly NodeState[], reason?: string): (node: Node) => Node {
    return ({ reason: _, ...node }) => {
      if (!from.includes(node.state))
        throw new KeywardError("conflict", `node ${node.name} is ${node.state}`);
      return { ...node, state, ...(reason === undefined ? {} : { reason }) };
    };
  }

  return {
    list: async (caller, { query, state, after, limit = DEFAULT_LIMIT } = {}) => {
      const { acts, covers } = reachOf(caller, "node:read");
      return journal.actAll(acts, async (tx, details) => {
        if (query !== undefined) for (const detail of details) detail.query = query;
        const names =
          query === undefined ? roster.names() : roster.select(parseQuery(query)).sort(compareNames);
        const chosen = names.filter(
          (name) => covers(name) && (state === undefined || roster.nodes.get(name)?.state === state),
        );
        const { page, more } = pageOf(chosen, { after, limit: Math.min(Math.max(1, limit), MAX_LIMIT) });
        const rows = await Promise.all(page.map((name) => nodes.get(tx, name)));
        return { nodes: rows.filter((node) => node !== null), more };
      });
    },

    show: async (caller, name) => {
      const resource = parseNodeName(name);
      return journal.act({ ...caller, action: "node:read", resource }, async (tx) => {
        const node = await find(tx, resource);
        const holds = [...ledger.of(resource)].sort((a, b) => compareNames(a.key, b.key));
        return { node, holds, inventories: await saidOf(tx, resource) };
      });
    },

    add: async (caller, { name, attributes = {} }) => {
      const resource = parseNodeName(name);
      return journal.act({ ...caller, action: "node:write", resource }, async (tx, detail) => {
        if ((await nodes.get(tx, resource)) !== null)
          throw new KeywardError("conflict", `node ${resource} is known already`);
        const set = changeAttributes({}, attributes);
        const node: Node = {
          name: resource,
          state: "pending",
          created: clock(),
          attributes: { ...noAttributes, set },
        };
        assertAttributes(node);
        assertMayGain(caller.by, roster, { ...node, attributes: noAttributes }, node);
        nodes.put(tx, node);
        Object.assign(detail, { change: "add", attributes: canonicalJson(attributes) });
        return { node, effect: preview.node(resource, node) };
      });
    },

    set: (caller, name, changes) =>
      change(
        caller,
        name,
        (node) => {
          const set = changeAttributes(node.attributes.set, changes);
          const changed = { ...node, attributes: { ...node.attributes, set } };
          assertAttributes(changed);
          assertMayGain(caller.by, roster, node, changed);
          return changed;
        },
        { change: "set", attributes: canonicalJson(changes) },
      ),

    remove: async (caller, name) => {
      const resource = parseNodeName(name);
      return journal.act({ ...caller, action: "node:write", resource }, async (tx, detail) => {
        await find(tx, resource);
        detail.change = "remove";
        nodes.delete(tx, resource);
        await forgetRows(tx, resource);
        for (const { key } of ledger.of(resource)) deliveries.delete(tx, `${ledger.hashOf(resource)}/${key}`);
        return { effect: preview.node(resource, null) };
      });
    },

    freeze: (caller, name, reason) =>
      change(caller, name, toState("frozen", ["active", "frozen"], reason), withReason("freeze", reason)),
    thaw: (caller, name) => change(caller, name, toState("active", ["frozen", "active"]), { change: "thaw" }),
    push: async (caller, name, input) => {
      const resource = parseNodeName(name);
      const settings = input === null ? null : parsePushSettings(input);
      if (settings !== null) assertHostKeys(settings.target);
      return journal.act({ ...caller, action: "node:enrol", resource }, async (tx, detail) => {
        const node = withPush(await find(tx, resource), settings);
        const to = settings?.target;
        Object.assign(detail, {
          change: "push",
          ...(to && { address: to.address, port: to.port, user: to.user }),
        });
        nodes.put(tx, node);
        return { node, effect: preview.node(resource, node) };
      });
    },
    revoke: (caller, name, reason) =>
      change(
        caller,
        name,
        toState("revoked", ["pending", "active", "frozen", "revoked"], reason),
        withReason("revoke", reason),
      ),
  };
}

/** Said now, and not by the first push. */
function assertHostKeys({ hostKeys, hostCas }: SshTarget): void {
  for (const line of hostKeys) parsePublicLine(line, "host key");
  for (const line of hostCas) parsePublicLine(line, "host CA");
}

function withPush({ push: _, ...node }: Node, settings: PushSettings | null): Node {
  if (settings === null) return node;
  if (node.identity !== undefined)
    throw new KeywardError("conflict", `node ${node.name} has enrolled with an agent`, {
      hint: "keys come by its agent; to push instead: keyward node rm, then add it anew",
    });
  return { ...node, push: settings, state: node.state === "pending" ? "active" : node.state };
}

function withReason(change: string, reason: string | undefined): Detail {
  return reason === undefined ? { change } : { change, reason };
}

async function find(tx: Transaction, name: NodeName): Promise<Node> {
  const node = await nodes.get(tx, name);
  if (node !== null) return node;
  throw new KeywardError("not-found", `no node ${printable(name)}`, { hint: "see: keyward node list" });
}
