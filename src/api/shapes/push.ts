/** Shapes: keys pushed by SSH, and SSH certificates. */
import Type from "typebox";
import { object, oneOf, optional, page, text, time } from "./parts.ts";

const certificate = object({
  serial: text(32),
  type: oneOf(["user", "host"] as const),
  keyId: text(),
  principals: Type.Array(text(256)),
  notAfter: time,
  by: text(),
  revoked: optional(time),
});

export const pushShapes = {
  "push.run": {
    body: object({
      query: optional(text(4096)),
      nodes: optional(Type.Array(text(253), { maxItems: 100_000 })),
      /** Only those that hold this key, or should. */
      key: optional(text(512)),
      concurrency: optional(Type.Integer({ minimum: 1, maximum: 256 })),
      /** For each node: to connect, and then for all that its answers take beyond a second each, programs apart. */
      timeout: optional(Type.Integer({ minimum: 1000, maximum: 3_600_000 })),
      /** What went out so long ago or longer is written anew; all is compared unless given. */
      every: optional(time),
    }),
    response: Type.Union([
      object({ kind: Type.Literal("begin"), total: Type.Integer() }),
      object({
        kind: Type.Literal("done"),
        node: text(253),
        outcome: oneOf(["delivered", "unchanged", "cleared", "nothing"] as const),
        installed: optional(Type.Integer()),
        withdrawn: optional(Type.Integer()),
        repaired: optional(Type.Integer()),
        files: optional(Type.Integer()),
      }),
      object({ kind: Type.Literal("failed"), node: text(253), code: text(64), message: text(4096) }),
    ]),
  },
  /** Lines of public keys: what Keyward logs in with, and its SSH CA. */
  "ssh.keys": { response: object({ push: text(4096), ca: text(4096) }) },
  "ssh.sign": {
    body: object({
      type: oneOf(["user", "host"] as const),
      publicKey: text(8192),
      principals: Type.Array(text(256), { minItems: 1, maxItems: 256 }),
      ttl: optional(time),
      forceCommand: optional(text(256)),
      sourceAddress: optional(text(256)),
    }),
    response: object({ line: text(65_536), info: certificate }),
  },
  "ssh.list": {
    query: object({ ...page }),
    response: object({ certs: Type.Array(certificate), more: Type.Boolean() }),
  },
  "ssh.revoke": { path: object({ serial: text(32) }), response: certificate },
  /** Base64. */
  "ssh.krl": { response: object({ krl: text(8_388_608) }) },
} as const;
