/** Nodes: what operators see of them and do to them. */
import type { Caller } from "../../audit/audit.ts";
import type { Json } from "../../base/json.ts";
import type { Node } from "../../model/node.ts";
import type { Serving } from "../serving.ts";
import { type HandlersOf, limitOf } from "./handler.ts";

type Needs = Pick<Serving, "fleet" | "authority" | "pusher">;

export function nodeHandlers({ fleet, authority, pusher }: Needs): HandlersOf<"node"> {
  const { nodes } = fleet;
  const shown = (node: Node) => ({
    ...node,
    connected: fleet.isWatched(node.name),
    ...(node.push === undefined ? {} : { pushed: pushedOf(node) }),
  });
  const pushedOf = ({ name }: Node) => {
    const { last, next } = pusher.standing(name);
    return { ...last, ...(next === undefined ? {} : { next }) };
  };
  /** What it gains is worked out before: afterwards it has it. */
  async function approve(caller: Caller, name: string, fingerprint: string) {
    const rehearsed = await authority.approve({ ...caller, dryRun: true }, name, fingerprint);
    const effect = fleet.previewNode(rehearsed.name, rehearsed);
    const node = caller.dryRun === true ? rehearsed : await authority.approve(caller, name, fingerprint);
    return { node, effect };
  }
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
    "node.push": async (caller, { path, body }) => changed(await nodes.push(caller, path.name, body.push)),
    "node.remove": (caller, { path }) => nodes.remove(caller, path.name),
    "node.approve": async (caller, { path, body }) =>
      changed(await approve(caller, path.name, body.fingerprint)),
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
