/** Inventories: what sources from outside say of nodes, and what of it counts. */
import type { Serving } from "../serving.ts";
import type { HandlersOf } from "./handler.ts";
import { asTree } from "./nodes.ts";

export function inventoryHandlers({
  fleet: { inventories },
}: Pick<Serving, "fleet">): HandlersOf<"inventory"> {
  return {
    "inventory.list": async (caller) => ({ sources: await inventories.list(caller) }),
    "inventory.put": (caller, { path, body }) =>
      inventories.put(
        caller,
        path.source,
        body.nodes.map(({ name, parts }) => ({
          name,
          parts: parts.map((part) => ({ name: part.name, attributes: asTree(part.attributes) })),
        })),
      ),
    "inventory.finish": (caller, { path, body }) => inventories.finish(caller, path.source, body),
    "inventory.accept": (caller, { path, body }) => inventories.accept(caller, path.source, body),
  };
}
