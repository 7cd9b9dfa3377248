/** Shapes: the server and its seals. */
import Type from "typebox";
import { done, object, oneOf, text, time } from "./parts.ts";

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

export const serverShapes = {
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
} as const;
