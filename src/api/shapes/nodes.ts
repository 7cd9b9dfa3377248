/** Shapes: nodes and how they join. */
import Type from "typebox";
import { origins } from "../../model/node.ts";
import { pushDrivers } from "../../model/push.ts";
import {
  effect,
  fingerprint,
  object,
  oneOf,
  optional,
  page,
  shown,
  text,
  time,
  tree,
  version,
} from "./parts.ts";

const nodeState = oneOf(["pending", "active", "frozen", "revoked"] as const);

const holding = object({
  key: text(512),
  version,
  /** Where it lies on the node. */
  paths: Type.Array(text(), { maxItems: 4096 }),
  delivered: time,
  proved: optional(time),
  withdrawn: optional(time),
  /** What the node said went wrong with it. */
  failed: optional(text()),
  shown: optional(shown),
});

const hostKeys = Type.Array(text(8192), { maxItems: 16 });
const pushDriver = oneOf(pushDrivers);
const pushInput = object({
  address: text(253),
  port: optional(Type.Integer()),
  user: optional(text(64)),
  hostKeys: optional(hostKeys),
  hostCas: optional(hostKeys),
  directory: optional(text()),
  driver: optional(pushDriver),
  every: optional(time),
  redistribute: optional(Type.Boolean()),
});
const pushSettings = object({
  target: object({ address: text(), port: Type.Integer(), user: text(), hostKeys, hostCas: hostKeys }),
  directory: text(),
  driver: pushDriver,
  every: time,
  redistribute: optional(Type.Boolean()),
});

/** What came of the last push to it since the server started, and when the next is due. */
const pushed = object({
  at: optional(time),
  outcome: optional(text(64)),
  message: optional(text(4096)),
  /** When all went well. */
  reached: optional(time),
  next: optional(time),
});

const nodeShape = object({
  name: text(253),
  state: nodeState,
  reason: optional(text()),
  created: time,
  identity: optional(object({ issued: Type.Integer(), seen: Type.Integer(), fingerprint })),
  attributes: object(
    Object.fromEntries(origins.map((o) => [o, tree])) as Record<(typeof origins)[number], typeof tree>,
  ),
  connected: Type.Boolean(),
  push: optional(pushSettings),
  pushed: optional(pushed),
});

export const nodeShapes = {
  "node.list": {
    query: object({ query: optional(text(4096)), state: optional(nodeState), ...page }),
    response: object({ nodes: Type.Array(nodeShape), more: Type.Boolean() }),
  },
  "node.show": {
    path: object({ name: text(253) }),
    /** `inventories`: all that each source says of it, also what is not accepted and grants nothing. */
    response: object({
      node: nodeShape,
      holds: Type.Array(holding),
      inventories: Type.Array(object({ source: text(32), attributes: tree })),
    }),
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
  /** `null`: it has an agent. */
  "node.push": {
    path: object({ name: text(253) }),
    body: object({ push: Type.Union([pushInput, Type.Null()]) }),
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
} as const;
