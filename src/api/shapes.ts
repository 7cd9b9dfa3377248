/**
 * Request and response shapes of every operation, as JSON Schema that TypeScript reads as types. Times are
 * milliseconds since 1970 UTC, durations are milliseconds, values and other bytes are base64.
 */
import Type from "typebox";
import { origins } from "../model/node.ts";
import { actions } from "../model/principal.ts";
import type { OperationName } from "./operations.ts";

const closed = { additionalProperties: false } as const;
const text = (maxLength = 1024) => Type.String({ maxLength });
const optional = Type.Optional;
const time = Type.Integer({ minimum: 0 });
const version = Type.Integer({ minimum: 1 });
const object = <P extends Type.TProperties>(properties: P) => Type.Object(properties, closed);
const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>(Type.Enum([...values]));
const numeral = Type.String({ pattern: "^[0-9]{1,15}$" });
const tree = Type.Record(Type.String({ maxLength: 256 }), Type.Unknown());
const fingerprint = Type.String({ pattern: "^[0-9a-f]{64}$" });

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

export const keyShape = object({
  name: text(512),
  origin: Type.Union([
    object({ kind: Type.Literal("stored") }),
    object({ kind: Type.Literal("generated"), recipe }),
  ]),
  created: time,
  retire: time,
  versions: Type.Array(
    object({ number: version, state: versionState, created: time, by: text(), size: Type.Integer() }),
  ),
});

const nodeState = oneOf(["pending", "active", "frozen", "revoked"] as const);
const holding = object({
  key: text(512),
  version,
  delivered: time,
  proved: optional(time),
  withdrawn: optional(time),
});

export const nodeShape = object({
  name: text(253),
  state: nodeState,
  reason: optional(text()),
  created: time,
  identity: optional(object({ issued: Type.Integer(), seen: Type.Integer(), fingerprint })),
  attributes: object(
    Object.fromEntries(origins.map((o) => [o, tree])) as Record<(typeof origins)[number], typeof tree>,
  ),
  connected: Type.Boolean(),
});

export const fileDelivery = object({
  kind: Type.Literal("file"),
  path: text(),
  owner: optional(text(64)),
  group: optional(text(64)),
  mode: Type.Integer({ minimum: 0, maximum: 0o777 }),
  run: optional(Type.Array(text(4096), { minItems: 1, maxItems: 64 })),
  offline: Type.Union([Type.Literal("never"), time]),
});

export const grantShape = object({
  id: text(64),
  key: text(512),
  query: text(4096),
  delivery: fileDelivery,
  created: time,
  by: text(),
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
const effect = Type.Array(planLine);

/** A match or a miss, term by term. */
export const explanationShape = Type.Object({
  matched: Type.Boolean(),
  /** The term or the operator, as the query writes it. */
  term: Type.String(),
  /** `role:api, set`, or what is missing, or that only a reported fact says so. */
  because: Type.String(),
  parts: Type.Array(Type.Unknown()),
});

const allow = object({
  actions: Type.Union([Type.Literal("*"), Type.Array(oneOf(actions))]),
  prefix: text(512),
});
export const ruleShape = object({ name: text(64), allow: Type.Array(allow, { maxItems: 64 }) });
const tokenInfo = object({
  id: text(64),
  name: text(128),
  rules: Type.Array(text(64)),
  created: time,
  expires: time,
  by: text(),
  lastUsed: optional(time),
});
const caShape = object({
  /** PEM; the first one issues, all are to be trusted. */
  certificates: Type.Array(
    object({ pem: text(8192), fingerprint, notAfter: time, state: oneOf(["issuing", "trusted"] as const) }),
  ),
});
const certInfo = object({
  serial: text(64),
  subject: text(),
  names: Type.Array(text(256)),
  issued: time,
  notAfter: time,
  by: text(),
  revoked: optional(time),
});
const sealInfo = object({
  id: text(64),
  kind: oneOf(["file", "passphrase"] as const),
  created: time,
  detail: text(),
});
const sealSecret = Type.Union([
  object({ kind: Type.Literal("passphrase"), passphrase: text(4096) }),
  object({ kind: Type.Literal("file"), content: text(131_072) }),
]);

const entry = object({
  grant: text(64),
  key: text(512),
  version,
  delivery: fileDelivery,
  /** Absent when the node said that it holds this version. */
  value: optional(text(1_500_000)),
});

/** One line of `agent.watch`, and the answer of `agent.bundle`. */
export const bundleShape = object({
  revision: Type.Integer(),
  /** All that the node should hold: what is not in here is withdrawn. */
  entries: Type.Array(entry, { maxItems: 4096 }),
  /** 32 random bytes, base64: the proof of a version is HMAC-SHA-256 under this of fields("keyward/v1/proof", node, key, version, value). */
  challenge: text(64),
  /** PEM certificates to trust from now on. */
  ca: Type.Array(text(8192)),
});
const held = Type.Array(object({ key: text(512), version }), { maxItems: 4096 });

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

const done = object({});
const page = { after: optional(text(512)), limit: optional(numeral) };
const written = object({ name: text(512), version });

/** `path` members come from the path, `query` from the query string (all text), `body` from the JSON body. */
export interface Shape {
  readonly path?: Type.TObject;
  readonly query?: Type.TObject;
  readonly body?: Type.TSchema;
  /** Absent: the answer is not JSON (a PEM, metrics). */
  readonly response?: Type.TSchema;
}

const name = object({ name: text(512) });

export const shapes = {
  "server.status": {
    response: Type.Object({
      Status: Type.Literal("OK"),
      state: oneOf(["uninitialised", "sealed", "unsealed"] as const),
      version: Type.String(),
      revision: Type.Integer(),
      nodes: Type.Integer(),
      connected: Type.Integer(),
      started: time,
    }),
  },
  "server.openapi": { response: Type.Unknown() },
  "server.metrics": {},

  "seal.list": {
    response: object({
      state: oneOf(["uninitialised", "sealed", "unsealed"] as const),
      seals: Type.Array(sealInfo),
    }),
  },
  "seal.seal": { response: done },
  "seal.unseal": { body: sealSecret, response: done },
  "seal.add": { body: sealSecret, response: sealInfo },
  "seal.remove": { path: object({ id: text(64) }), response: done },

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
        }),
      ),
    }),
  },

  "node.list": {
    query: object({ query: optional(text(4096)), state: optional(nodeState), ...page }),
    response: object({ nodes: Type.Array(nodeShape), more: Type.Boolean() }),
  },
  "node.show": {
    path: object({ name: text(253) }),
    response: object({ node: nodeShape, holds: Type.Array(holding) }),
  },
  "node.add": {
    body: object({ name: text(253), attributes: optional(tree) }),
    response: object({ node: nodeShape, effect }),
  },
  /** `attributes`: dotted path to value; null removes. */
  "node.set": {
    path: object({ name: text(253) }),
    body: object({ attributes: tree }),
    response: object({ node: nodeShape, effect }),
  },
  "node.remove": { path: object({ name: text(253) }), response: object({ effect }) },
  "node.approve": {
    path: object({ name: text(253) }),
    body: object({ fingerprint }),
    response: object({ node: nodeShape, effect }),
  },
  "node.freeze": {
    path: object({ name: text(253) }),
    body: object({ reason: optional(text()) }),
    response: object({ node: nodeShape, effect }),
  },
  "node.thaw": { path: object({ name: text(253) }), response: object({ node: nodeShape, effect }) },
  "node.revoke": {
    path: object({ name: text(253) }),
    body: object({ reason: optional(text()) }),
    response: object({ node: nodeShape, effect }),
  },
  "joinToken.create": {
    body: object({ node: optional(text(253)), attributes: optional(tree), ttl: optional(time) }),
    response: object({ token: text(256), expires: time, caFingerprint: fingerprint }),
  },

  "grant.list": {
    query: object({ key: optional(text(512)) }),
    response: object({ grants: Type.Array(grantShape) }),
  },
  "grant.add": {
    body: object({ key: text(512), query: text(4096), delivery: fileDelivery }),
    response: object({ grant: grantShape, effect }),
  },
  "grant.remove": { path: object({ id: text(64) }), response: object({ grant: grantShape, effect }) },
  "plan.show": {
    query: object({ node: optional(text(253)), key: optional(text(512)) }),
    response: object({ revision: Type.Integer(), lines: effect }),
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

  "access.whoami": {
    response: object({ principal: text(), rules: Type.Array(ruleShape), expires: optional(time) }),
  },
  "token.create": {
    body: object({ name: text(128), rules: Type.Array(text(64), { minItems: 1, maxItems: 64 }), ttl: time }),
    response: object({ token: text(256), info: tokenInfo }),
  },
  "token.list": { response: object({ tokens: Type.Array(tokenInfo) }) },
  "token.revoke": { path: object({ id: text(64) }), response: done },
  "rule.list": { response: object({ rules: Type.Array(ruleShape) }) },
  "rule.put": {
    path: object({ name: text(64) }),
    body: object({ allow: Type.Array(allow, { maxItems: 64 }) }),
    response: ruleShape,
  },
  "rule.remove": { path: object({ name: text(64) }), response: done },

  "ca.show": { response: caShape },
  "ca.rotate": { body: object({ overlap: optional(time) }), response: caShape },
  "ca.crl": {},
  "cert.list": {
    query: object({ ...page }),
    response: object({ certs: Type.Array(certInfo), more: Type.Boolean() }),
  },
  "cert.sign": {
    /** `operator`: the certificate signs in as this operator, under these rules. Otherwise it serves other programs. */
    body: object({
      csr: text(16_384),
      ttl: optional(time),
      usage: optional(Type.Array(oneOf(["client", "server"] as const))),
      operator: optional(object({ name: text(128), rules: Type.Array(text(64), { minItems: 1 }) })),
    }),
    response: object({ pem: text(16_384), info: certInfo }),
  },
  "cert.revoke": { path: object({ serial: text(64) }), response: certInfo },

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
  "agent.bundle": { body: object({ held }), response: bundleShape },
  "agent.report": {
    body: object({
      challenge: text(64),
      proofs: Type.Array(object({ key: text(512), version, proof: text(64) }), { maxItems: 4096 }),
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
} as const satisfies Readonly<Record<OperationName, Shape>>;

export type Shapes = typeof shapes;

type Part<N extends OperationName, P extends keyof Shape> = Shapes[N] extends {
  readonly [K in P]: infer S extends Type.TSchema;
}
  ? Type.Static<S>
  : undefined;

export type PathOf<N extends OperationName> = Part<N, "path">;
export type QueryOf<N extends OperationName> = Part<N, "query">;
export type BodyOf<N extends OperationName> = Part<N, "body">;
export type ResponseOf<N extends OperationName> = Part<N, "response">;

/** What a caller hands over: only the parts that the operation has. */
export type RequestOf<N extends OperationName> = (Shapes[N] extends { readonly path: Type.TSchema }
  ? { path: PathOf<N> }
  : unknown) &
  (Shapes[N] extends { readonly query: Type.TSchema } ? { query?: QueryOf<N> } : unknown) &
  (Shapes[N] extends { readonly body: Type.TSchema } ? { body: BodyOf<N> } : unknown) & { dryRun?: boolean };
