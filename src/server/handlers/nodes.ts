/** Nodes: what operators see of them and do to them. */
import type { Json } from "../../base/json.ts";
import type { Node } from "../../model/node.ts";
import type { Parts } from "../parts.ts";
import { type HandlersOf, limitOf } from "./handler.ts";

export function nodeHandlers({ fleet, authority }: Pick<Parts, "fleet" | "authority">): HandlersOf<"node"> {
  const { nodes } = fleet;
  const shown = (node: Node) => ({ ...node, connected: fleet.isWatched(node.name) });
  const changed = <C extends { readonly node: Node }>(change: C) => ({ ...change, node: shown(change.node) });
  return {
    "node.list": async (caller, { query: { limit, ...filter } }) => {
      const page = await nodes.list(caller, { ...filter, limit: limitOf(limit) });
      return { nodes: page.nodes.map(shown), more: page.more };
    },
    "node.show": async (caller, { path }) => changed(await nodes.show(caller, path.name)),
    "node.add": async (caller, { body: { name, attributes } }) =>
      changed(await nodes.add(caller, { name, ...(attributes && { attributes: asTree(attributes) }) })),
    "node.set": async (caller, { path, body }) =>
      changed(await nodes.set(caller, path.name, asTree(body.attributes))),
    "node.remove": (caller, { path }) => nodes.remove(caller, path.name),
    "node.approve": async (caller, { path, body }) =>
      changed(await authority.approve(caller, path.name, body.fingerprint)),
    "node.freeze": async (caller, { path, body }) =>
      changed(await nodes.freeze(caller, path.name, body.reason)),
    "node.thaw": async (caller, { path }) => changed(await nodes.thaw(caller, path.name)),
    "node.revoke": async (caller, { path, body }) =>
      changed(await nodes.revoke(caller, path.name, body.reason)),
  };
}

/** The body came from JSON, so its members are. */
export function asTree(tree: Readonly<Record<string, unknown>>): { [name: string]: Json } {
  return tree as { [name: string]: Json };
}
