/** Shapes: volumes of nodes, and the operators' say in opening them. */
import Type from "typebox";
import { object, optional, recovery, seedId, text, time, unlockDelivery, version } from "./parts.ts";

const volume = object({
  node: text(253),
  grant: text(64),
  key: text(512),
  delivery: unlockDelivery,
  /** That it should open with. */
  version,
  /** That it opens with, by the node's proof. */
  proved: optional(version),
  /** When its key went out last. */
  opened: optional(time),
  /** Within the last 24 hours. */
  opens: Type.Integer({ minimum: 0 }),
  /** The node waits for approval since then. */
  asked: optional(time),
  /** Approvals that are lacking. */
  lacking: Type.Integer({ minimum: 0 }),
  /** The node is frozen: it gets no key until it is thawed. */
  frozen: optional(Type.Literal(true)),
  failed: optional(text()),
  /** Of which the server keeps the sealed shares, or is to; absent unless its grant names holders. */
  recovery: optional(
    object({
      ...recovery.properties,
      threshold: Type.Integer({ minimum: 2 }),
      holders: Type.Array(text(64)),
      /** When its shares were handed out last. */
      fetched: optional(time),
    }),
  ),
});

export const diskShapes = {
  "disk.list": {
    query: object({ node: optional(text(253)) }),
    response: object({ volumes: Type.Array(volume) }),
  },
  "disk.approve": {
    body: object({ node: text(253), name: text(64) }),
    response: object({ lacking: Type.Integer({ minimum: 0 }) }),
  },
  "disk.shares": {
    body: object({ node: text(253), name: text(64) }),
    response: object({
      key: text(512),
      uuid: text(36),
      id: seedId,
      generation: version,
      threshold: Type.Integer({ minimum: 2 }),
      made: time,
      /** In order of their numbers; `sealed`: base64, docs/formats/escrow.md. */
      shares: Type.Array(object({ holder: text(64), sealed: text(2048) })),
    }),
  },
  "disk.renew": {
    body: object({ node: text(253), name: text(64) }),
    response: object({ generation: version }),
  },
} as const;
