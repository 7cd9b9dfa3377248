/** Shapes: events. */
import Type from "typebox";
import { fingerprint, numeral, object, oneOf, optional, text, time } from "./parts.ts";

const event = object({
  seq: Type.Integer(),
  at: time,
  by: text(),
  action: text(64),
  resource: text(),
  outcome: oneOf(["ok", "denied", "failed"] as const),
  detail: optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]))),
  previous: fingerprint,
  hash: fingerprint,
});

const checkpoint = object({
  seq: Type.Integer(),
  hash: fingerprint,
  at: time,
  publicKey: text(128),
  signature: text(128),
});

export const auditShapes = {
  "audit.list": {
    query: object({
      after: optional(numeral),
      limit: optional(numeral),
      resource: optional(text()),
      by: optional(text()),
    }),
    response: object({ events: Type.Array(event), more: Type.Boolean() }),
  },
  "audit.tail": { query: object({ after: optional(numeral) }), response: event },
  "audit.verify": {
    body: object({ checkpoint: optional(checkpoint) }),
    response: object({
      events: Type.Integer(),
      intact: Type.Boolean(),
      signed: Type.Integer(),
      problems: Type.Array(object({ seq: Type.Integer(), what: Type.String() })),
    }),
  },
  "audit.checkpoint": { response: checkpoint },
} as const;
