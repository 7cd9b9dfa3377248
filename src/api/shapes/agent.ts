/** Shapes: what an agent and the server say to each other. */
import Type from "typebox";
import {
  derived,
  fileDelivery,
  fingerprint,
  object,
  oneOf,
  optional,
  recovery,
  seedId,
  shown,
  text,
  tree,
  unlockDelivery,
  version,
} from "./parts.ts";

const entry = object({
  grant: text(64),
  key: text(512),
  version,
  delivery: fileDelivery,
  /** Absent when the node said that it holds this version, and of a derived one. */
  value: optional(text(1_500_000)),
  /** How the node makes this version from its own seed. */
  derived: optional(derived),
});

const held = Type.Array(object({ key: text(512), version }), { maxItems: 4096 });

/** One line of `agent.watch`, and the answer of `agent.bundle`. */
const bundleShape = object({
  revision: Type.Integer(),
  /** All that the node should hold: what is not in here is withdrawn. */
  entries: Type.Array(entry, { maxItems: 4096 }),
  /** Volumes whose keys it may ask for: `agent.unlock`. */
  volumes: optional(
    Type.Array(
      object({
        grant: text(64),
        key: text(512),
        version,
        delivery: unlockDelivery,
        /** Absent unless its grant names holders. */
        recovery: optional(recovery),
      }),
      { maxItems: 256 },
    ),
  ),
  /** 32 random bytes, base64: the proof of a version is HMAC-SHA-256 under this of fields("keyward/v1/proof", node, key, version, value). */
  challenge: text(64),
  /** PEM certificates to trust from now on. */
  ca: Type.Array(text(8192)),
});

export const agentShapes = {
  "agent.enrol": {
    body: object({
      csr: text(16_384),
      name: optional(text(253)),
      token: optional(text(256)),
      facts: optional(tree),
    }),
    response: Type.Union([
      object({
        kind: Type.Literal("issued"),
        node: text(253),
        certificate: text(16_384),
        ca: Type.Array(text(8192)),
      }),
      object({ kind: Type.Literal("pending"), node: text(253), fingerprint }),
    ]),
  },
  "agent.renew": {
    body: object({ csr: text(16_384) }),
    response: object({ certificate: text(16_384), ca: Type.Array(text(8192)) }),
  },
  "agent.watch": {
    body: object({ since: optional(Type.Integer({ minimum: 0 })), held }),
    response: bundleShape,
  },
  "agent.unlock": {
    /** The volume's name. `rehearse`: say what would be given now, and give and count nothing. */
    body: object({ name: text(64), rehearse: optional(Type.Literal(true)) }),
    response: object({
      grant: text(64),
      key: text(512),
      delivery: unlockDelivery,
      /** The first is what it should open with; the others, what it may still open with. */
      versions: Type.Array(
        object({ version, value: optional(text(1_500_000)), derived: optional(derived) }),
        { minItems: 1, maxItems: 16 },
      ),
      /** The version that the node has proved that it opens with: then it is not made anew. */
      proved: optional(version),
      /** Of a rehearsal: how many approvals are lacking. */
      lacking: optional(Type.Integer({ minimum: 1 })),
      /** Absent unless its grant names holders. */
      recovery: optional(recovery),
      /** For the proof of the one that opened it. */
      challenge: text(64),
    }),
  },
  "agent.escrow": {
    body: object({
      /** The volume's. */
      name: text(64),
      uuid: text(36),
      id: seedId,
      /** One more than that of the recovery key before. */
      generation: version,
      /** Base64, in order of the grant's holders: docs/formats/escrow.md. */
      sealed: Type.Array(text(2048), { minItems: 2, maxItems: 32 }),
    }),
    response: object({ generation: version }),
  },
  "agent.bundle": { body: object({ held }), response: bundleShape },
  "agent.report": {
    body: object({
      challenge: text(64),
      /** `shown`: of a derived version, whose proof is as docs/formats/derived-proof.md says. */
      proofs: Type.Array(object({ key: text(512), version, proof: text(256), shown: optional(shown) }), {
        maxItems: 4096,
      }),
      withdrawn: Type.Array(object({ key: text(512), version }), { maxItems: 4096 }),
      drift: Type.Array(
        object({
          key: text(512),
          path: text(),
          found: oneOf(["changed", "removed"] as const),
          repaired: Type.Boolean(),
        }),
        { maxItems: 4096 },
      ),
      failures: Type.Array(object({ key: text(512), path: text(), message: text(4096) }), { maxItems: 4096 }),
      facts: optional(tree),
    }),
    response: object({
      accepted: held,
      refused: held,
    }),
  },
} as const;
