/** Shapes: the server and its seals. */
import Type from "typebox";
import { done, object, oneOf, text, time } from "./parts.ts";

const sealInfo = object({
  id: text(64),
  kind: oneOf(["file", "passphrase", "aws-kms"] as const),
  created: time,
  detail: text(),
});

const passphrase = object({ kind: Type.Literal("passphrase"), passphrase: text(4096) });
const file = object({ kind: Type.Literal("file"), content: text(131_072) });
/** The server asks AWS KMS with credentials of its own. */
const awsKms = object({ kind: Type.Literal("aws-kms") });
const newAwsKms = object({ kind: Type.Literal("aws-kms"), keyId: text(2048) });

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
  "seal.unseal": { body: Type.Union([passphrase, file, awsKms]), response: done },
  "seal.add": { body: Type.Union([passphrase, file, newAwsKms]), response: sealInfo },
  "seal.remove": { path: object({ id: text(64) }), response: done },
} as const;
