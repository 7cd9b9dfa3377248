/** The CA, certificates for others than nodes, and tokens for nodes that are to join. */
import type { DurationMs } from "../../base/time.ts";
import type { Serving } from "../serving.ts";
import { type HandlersOf, limitOf } from "./handler.ts";
import { asTree } from "./nodes.ts";

type Nouns = HandlersOf<"ca"> & HandlersOf<"cert"> & HandlersOf<"joinToken">;

export function authorityHandlers({ authority }: Pick<Serving, "authority">): Nouns {
  return {
    "ca.show": () => authority.show(),
    "ca.rotate": (caller, { body: { overlap } }) =>
      authority.rotate(caller, overlap === undefined ? {} : { overlap: overlap as DurationMs }),
    "ca.crl": () => authority.crl(),
    "cert.list": (caller, { query: { limit, after } }) =>
      authority.listCertificates(caller, { limit: limitOf(limit), ...(after !== undefined && { after }) }),
    "cert.sign": (caller, { body: { ttl, ...request } }) =>
      authority.signCertificate(caller, {
        ...request,
        ...(ttl !== undefined && { ttl: ttl as DurationMs }),
      }),
    "cert.revoke": (caller, { path }) => authority.revokeCertificate(caller, path.serial),
    "joinToken.create": (caller, { body: { node, attributes, ttl } }) =>
      authority.createJoinToken(caller, {
        ...(node !== undefined && { node }),
        ...(attributes !== undefined && { attributes: asTree(attributes) }),
        ...(ttl !== undefined && { ttl: ttl as DurationMs }),
      }),
  };
}
