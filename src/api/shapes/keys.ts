/** Shapes: keys and their values. */
import Type from "typebox";
import {
  derived,
  derivedMembers,
  effect,
  name,
  numeral,
  object,
  oneOf,
  optional,
  page,
  shown,
  text,
  time,
  version,
} from "./parts.ts";

const versionState = Type.Union([
  object({ kind: Type.Literal("pending") }),
  object({ kind: Type.Literal("primary") }),
  object({ kind: Type.Literal("retiring"), until: time }),
  object({ kind: Type.Literal("destroyed"), at: time }),
]);

const recipe = Type.Union([
  object({
    kind: Type.Literal("password"),
    length: Type.Integer({ minimum: 8, maximum: 1024 }),
    classes: Type.Array(oneOf(["lower", "upper", "digit", "special"] as const), { minItems: 1, maxItems: 4 }),
    specials: optional(text(64)),
  }),
  object({
    kind: Type.Literal("random"),
    bytes: Type.Integer({ minimum: 1, maximum: 65_536 }),
    encoding: oneOf(["raw", "hex", "base64"] as const),
  }),
  object({
    kind: Type.Literal("ssh"),
    type: oneOf(["ed25519", "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384"] as const),
    comment: optional(text(256)),
  }),
  object({
    kind: Type.Literal("pkcs8"),
    type: oneOf(["ed25519", "x25519", "rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384"] as const),
  }),
  object({ kind: Type.Literal("disk") }),
]);

const keyShape = object({
  name: text(512),
  origin: Type.Union([
    object({ kind: Type.Literal("stored") }),
    object({ kind: Type.Literal("generated"), recipe }),
    object({ kind: Type.Literal("derived"), ...derivedMembers }),
  ]),
  created: time,
  retire: time,
  versions: Type.Array(
    object({
      number: version,
      state: versionState,
      created: time,
      by: text(),
      /** Bytes of the value; 0 when nodes derive it. */
      size: Type.Integer(),
      derived: optional(derived),
    }),
  ),
});

const written = object({ name: text(512), version });

export const keyShapes = {
  "key.list": {
    query: object({ prefix: optional(text(512)), ...page }),
    response: object({ keys: Type.Array(keyShape), more: Type.Boolean() }),
  },
  "key.show": { path: name, response: keyShape },
  "key.remove": { path: name, response: object({ name: text(512), effect }) },
  "key.get": {
    path: name,
    query: object({ version: optional(numeral) }),
    response: object({ name: text(512), version, value: text(1_500_000) }),
  },
  "key.text": {
    path: name,
    query: object({ version: optional(numeral) }),
    response: text(1_048_576),
  },
  "key.put": {
    path: name,
    body: object({
      value: text(1_500_000),
      /** Compare-and-set: the primary must be this version; 0: the key must not exist. */
      expected: optional(Type.Integer({ minimum: 0 })),
      retire: optional(time),
    }),
    response: written,
  },
  "key.generate": {
    path: name,
    body: object({ recipe, expected: optional(Type.Integer({ minimum: 0 })), retire: optional(time) }),
    response: written,
  },
  "key.derive": {
    path: name,
    body: object({
      ...derivedMembers,
      /** The version's number, when it was counted elsewhere: after the last one. */
      number: optional(version),
      expected: optional(Type.Integer({ minimum: 0 })),
      retire: optional(time),
    }),
    response: written,
  },
  "key.rotate": {
    path: name,
    /** Staged: the new version stays pending until every recipient has proved that it holds it. */
    body: object({ staged: optional(Type.Boolean()), expected: optional(Type.Integer({ minimum: 0 })) }),
    response: object({ name: text(512), version, state: oneOf(["pending", "primary"] as const) }),
  },
  "key.rollback": { path: name, body: object({ version }), response: written },
  "key.destroy": { path: name, body: object({ version }), response: written },
  "key.history": {
    path: name,
    response: object({
      key: keyShape,
      deliveries: Type.Array(
        object({
          node: text(253),
          version,
          delivered: time,
          proved: optional(time),
          withdrawn: optional(time),
          failed: optional(text()),
          shown: optional(shown),
        }),
      ),
    }),
  },
} as const;
