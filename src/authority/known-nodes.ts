/** Known nodes: of each node what is needed to admit it, in memory, so that a connection costs no transaction. */
import type { Clock, UnixMs } from "../base/time.ts";
import type { Node, NodeIdentity, NodeState } from "../model/node.ts";
import { nodes } from "../records/records.ts";
import type { Store } from "../store/store.ts";
import { openView } from "../store/view.ts";

export interface KnownNode {
  readonly state: NodeState;
  readonly reason: string | undefined;
  readonly created: UnixMs;
  readonly identity: NodeIdentity | undefined;
  /** When this process heard that the newest generation was presented. */
  readonly seenSince: UnixMs;
}

export interface KnownNodes {
  readonly ready: Promise<void>;
  get(name: string): KnownNode | undefined;
  /** How many wait for approval. */
  pending(): number;
  close(): void;
}

/** @param onChange - A node appeared, changed its state or went. */
export function createKnownNodes(store: Store, clock: Clock, onChange: () => void): KnownNodes {
  const states = new Map<string, NodeState>();
  const view = openView(store, nodes, {
    project: (node: Node): KnownNode => ({
      state: node.state,
      reason: node.reason,
      created: node.created,
      identity: node.identity,
      seenSince: seenSince(node),
    }),
    onChange(name, known) {
      if (states.get(name) === known?.state) return;
      if (known === null) states.delete(name);
      else states.set(name, known.state);
      onChange();
    },
  });

  function seenSince(node: Node): UnixMs {
    const before = view?.get(node.name);
    return before?.identity?.seen === node.identity?.seen && before !== undefined
      ? before.seenSince
      : clock();
  }

  return {
    ready: view.ready,
    get: (name) => view.get(name),
    pending: () => [...states.values()].filter((state) => state === "pending").length,
    close: () => view.close(),
  };
}
