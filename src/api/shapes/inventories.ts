/** Shapes: what sources from outside say of nodes. */
import Type from "typebox";
import { effect, object, optional, text, time, tree } from "./parts.ts";

const source = object({
  name: text(32),
  /** Parts, or paths in them: `run_list`, `automatic.roles`. */
  accepted: Type.Array(text(2048)),
  /** An acceptance was cut off: not all nodes have been worked out anew. */
  applying: optional(Type.Literal(true)),
  /** When a whole round last ended. */
  synced: optional(time),
});
const named = object({ source: text(32) });
const names = Type.Array(text(253), { maxItems: 100_000 });
const paths = Type.Array(text(2048), { maxItems: 256 });

export const inventoryShapes = {
  "inventory.list": { response: object({ sources: Type.Array(source) }) },
  /** Later parts win over earlier ones. */
  "inventory.put": {
    path: named,
    body: object({
      nodes: Type.Array(
        object({
          name: text(1024),
          parts: Type.Array(object({ name: text(128), attributes: tree }), { maxItems: 32 }),
        }),
        { maxItems: 1000 },
      ),
    }),
    response: object({
      made: names,
      changed: names,
      unchanged: Type.Integer(),
      refused: Type.Array(object({ name: text(1024), why: text(2048) })),
      effect,
    }),
  },
  /** `atMost`: how many may be gone; a tenth, and ten, unless given. */
  "inventory.finish": {
    path: named,
    body: object({ names, atMost: optional(Type.Integer({ minimum: 0 })) }),
    response: object({ gone: names, effect }),
  },
  "inventory.accept": {
    path: named,
    body: object({ accept: paths, refuse: paths }),
    response: object({ source, effect }),
  },
} as const;
