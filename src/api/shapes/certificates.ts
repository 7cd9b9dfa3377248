/** Shapes: the CA and certificates. */
import Type from "typebox";
import { fingerprint, object, oneOf, optional, page, text, time } from "./parts.ts";

const caShape = object({
  /** PEM; the first one issues, all are to be trusted. */
  certificates: Type.Array(
    object({
      pem: text(8192),
      fingerprint,
      notAfter: time,
      state: oneOf(["issuing", "trusted"] as const),
      /** It issues no more, and is trusted until then. */
      trustedUntil: optional(time),
    }),
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

export const certificateShapes = {
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
} as const;
