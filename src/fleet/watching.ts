/** Watching: tells each node's connection that what the node should hold has changed, or that it is refused. */
import type { NodeName } from "../model/name.ts";
import type { Roster } from "./roster.ts";

/** `changed`: make the bundle again. `refused`: send nothing but an empty bundle, and end. */
export type Notice = "changed" | "refused";

export interface Watching {
  /** @returns Ends it. */
  changed(node: NodeName, listener: (notice: Notice) => void): () => void;
  /** What this node should hold is another, for a reason that the roster does not know. */
  tell(node: NodeName): void;
  isWatched(node: NodeName): boolean;
  /** Nodes with a watch. */
  count(): number;
}

export function createWatching(roster: Roster): Watching {
  const listeners = new Map<NodeName, Set<(notice: Notice) => void>>();

  function tell(nodes: ReadonlySet<NodeName>, notice: Notice): void {
    // Whichever is smaller: a change may concern 10,000 nodes of which two are connected, or the other way round.
    if (nodes.size <= listeners.size) {
      for (const node of nodes) for (const listener of [...(listeners.get(node) ?? [])]) listener(notice);
    } else {
      for (const [node, ofNode] of [...listeners]) {
        if (nodes.has(node)) for (const listener of [...ofNode]) listener(notice);
      }
    }
  }

  roster.onChange(({ refused, desired }) => {
    tell(refused, "refused");
    tell(desired, "changed");
  });

  return {
    changed(node, listener) {
      const ofNode = listeners.get(node) ?? new Set();
      listeners.set(node, ofNode.add(listener));
      const state = roster.nodes.get(node)?.state ?? "revoked";
      if (state === "revoked") queueMicrotask(() => ofNode.has(listener) && listener("refused"));
      return () => {
        ofNode.delete(listener);
        if (ofNode.size === 0 && listeners.get(node) === ofNode) listeners.delete(node);
      };
    },
    tell: (node) => tell(new Set([node]), "changed"),
    isWatched: (node) => listeners.has(node),
    count: () => listeners.size,
  };
}
