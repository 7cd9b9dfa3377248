/** Parts that the shapes of several nouns share. */
import Type from "typebox";
import { keyEncodings, passwordClasses, plainKinds, schemes } from "../../model/realm.ts";

const closed = { additionalProperties: false } as const;
export const text = (maxLength = 1024) => Type.String({ maxLength });
export const optional = Type.Optional;
export const time = Type.Integer({ minimum: 0 });
export const version = Type.Integer({ minimum: 1 });
export const object = <P extends Type.TProperties>(properties: P) => Type.Object(properties, closed);
export const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>(Type.Enum([...values]));
export const numeral = Type.String({ pattern: "^[0-9]{1,15}$" });
export const tree = Type.Record(Type.String({ maxLength: 256 }), Type.Unknown());
export const seedId = Type.String({ pattern: "^[0-9a-f]{16}$" });
export const fingerprint = Type.String({ pattern: "^[0-9a-f]{64}$" });
export const fileDelivery = object({
  kind: Type.Literal("file"),
  path: text(),
  owner: optional(text(64)),
  group: optional(text(64)),
  mode: Type.Integer({ minimum: 0, maximum: 0o777 }),
  run: optional(Type.Array(text(4096), { minItems: 1, maxItems: 64 })),
  offline: Type.Union([Type.Literal("never"), time]),
});
const logicalVolume = object({ group: text(63), volume: text(63) });
/** A volume, where it lies, what stands on it, and on which conditions its key goes out. */
export const unlockDelivery = object({
  kind: Type.Literal("unlock"),
  type: Type.Literal("luks"),
  /** Below `/dev/mapper`. */
  name: text(64),
  device: text(),
  /** The encrypted device is this logical volume; `device` is what its group lies on. */
  beneath: optional(logicalVolume),
  /** A logical volume on the opened one. */
  above: optional(logicalVolume),
  mount: optional(
    object({
      point: text(),
      fstype: oneOf(["ext4", "xfs", "btrfs"] as const),
      options: Type.Array(text(128), { maxItems: 32 }),
    }),
  ),
  /** Units of systemd, started once it is mounted. */
  start: Type.Array(text(256), { maxItems: 16 }),
  createIfBlank: optional(Type.Literal(true)),
  /** What becomes of the open volume when the node may have it no more. */
  atLoss: oneOf(["close", "suspend"] as const),
  /** The same when the node is frozen; absent: it stays open. */
  atFreeze: optional(oneOf(["close", "suspend"] as const)),
  /** Milliseconds: how long the node may open it while no server can be reached; absent: not at all. */
  offline: optional(Type.Integer({ minimum: 1 })),
  /** It is to have a recovery key: any so many of the shares give it. */
  escrow: optional(
    object({
      threshold: Type.Integer({ minimum: 2, maximum: 255 }),
      shares: Type.Integer({ minimum: 2, maximum: 255 }),
      /** One for each share, which the node seals to him; absent: they are made by hand, on the node. */
      holders: optional(
        Type.Array(
          object({
            name: text(64),
            /** X25519, SubjectPublicKeyInfo in base64. */
            key: text(128),
          }),
          { minItems: 1, maxItems: 32 },
        ),
      ),
    }),
  ),
  conditions: object({
    allowFrom: optional(Type.Array(text(64), { minItems: 1, maxItems: 64 })),
    /** UTC, `22:00-06:00`. */
    between: optional(text(16)),
    /** Within 24 hours. */
    maxOpens: optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    approvals: optional(Type.Integer({ minimum: 1, maximum: 5 })),
  }),
});
/** Of a volume's recovery key that the server keeps the sealed shares of: the newest, 0 when there is none yet. */
export const recovery = object({
  generation: Type.Integer({ minimum: 0 }),
  /** Names the key: 16 hexadecimal digits, which stand in its shares too. */
  id: optional(seedId),
  uuid: optional(text(36)),
  made: optional(time),
  /** It is not as the grant says, or an operator wants a new one: the node makes it. */
  due: optional(Type.Literal(true)),
});
export const delivery = Type.Union([fileDelivery, unlockDelivery]);
const passwordPolicy = object({
  length: Type.Integer({ minimum: 8, maximum: 1024 }),
  classes: Type.Array(oneOf(passwordClasses), { minItems: 1, maxItems: 4 }),
  specials: optional(text(64)),
});
const realmKind = Type.Union([
  object({
    kind: oneOf(plainKinds),
  }),
  object({ kind: oneOf(["raw", "pass"] as const), length: Type.Integer({ minimum: 1, maximum: 1_048_576 }) }),
  object({ kind: Type.Literal("password"), policy: passwordPolicy }),
]);
/** How a node makes a value from its own seed; with a version's number it is all that there is to say. */
export const derivedMembers = {
  derivation: object({
    scheme: oneOf(schemes),
    realm: text(1024),
    kind: realmKind,
    purpose: text(1024),
  }),
  encoding: oneOf(keyEncodings),
};
export const derived = object(derivedMembers);
/** What a node shows of its seed and of one key of it; `public`: SubjectPublicKeyInfo, DER in base64. */
export const shown = object({
  seed: seedId,
  generation: version,
  tag: Type.String({ pattern: "^[0-9a-f]{32}$" }),
  public: optional(text(1024)),
});
export const planLine = object({
  change: oneOf(["gain", "replace", "lose"] as const),
  node: text(253),
  key: text(512),
  path: text(),
  reason: text(8192),
  grant: optional(text(64)),
  version: optional(version),
  held: optional(version),
});
export const effect = Type.Array(planLine);
export const done = object({});
export const page = { after: optional(text(512)), limit: optional(numeral) };
export const name = object({ name: text(512) });
