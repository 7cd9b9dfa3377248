/** Shapes: grants, the plan and its reasons. */
import Type from "typebox";
import { delivery, effect, object, optional, text, time } from "./parts.ts";

const grantShape = object({
  id: text(64),
  key: text(512),
  query: text(4096),
  delivery,
  created: time,
  by: text(),
});

/** A match or a miss, term by term. */
const explanationShape = Type.Object({
  matched: Type.Boolean(),
  /** The term or the operator, as the query writes it. */
  term: Type.String(),
  /** `role:api, set`, or what is missing, or that only a reported fact says so. */
  because: Type.String(),
  parts: Type.Array(Type.Unknown()),
});

export const grantShapes = {
  "grant.list": {
    query: object({ key: optional(text(512)) }),
    response: object({ grants: Type.Array(grantShape) }),
  },
  "grant.add": {
    body: object({ key: text(512), query: text(4096), delivery }),
    response: object({ grant: grantShape, effect }),
  },
  "grant.remove": { path: object({ id: text(64) }), response: object({ grant: grantShape, effect }) },
  "plan.show": {
    query: object({ node: optional(text(253)), key: optional(text(512)) }),
    /** `warnings`: what grants although the node itself can write it. */
    response: object({ revision: Type.Integer(), lines: effect, warnings: Type.Array(text(2048)) }),
  },
  "plan.why": {
    query: object({ node: text(253), key: text(512) }),
    response: object({
      has: Type.Boolean(),
      summary: Type.String(),
      grants: Type.Array(object({ grant: grantShape, explanation: explanationShape })),
    }),
  },
  "query.test": {
    query: object({ query: text(4096), node: optional(text(253)) }),
    response: object({ nodes: Type.Array(text(253)), explanation: optional(explanationShape) }),
  },
} as const;
