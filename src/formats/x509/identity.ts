/**
 * Identities: who a certificate of Keyward's own CA speaks for, as a URI among its names.
 *
 *     keyward://node/NAME?generation=N   N from 1, no leading zero
 *     keyward://operator/NAME
 *     keyward://server
 *
 * The server's own certificate bears the last one, beside its host names: what Keyward signs for others is from the
 * same CA, and may be for the same host.
 */
import { KeywardError } from "../../base/errors.ts";
import { type NodeName, parseNodeName } from "../../model/name.ts";
import { type OperatorName, parseOperatorName } from "../../model/rule.ts";
import type { San } from "./san.ts";

export type Identity =
  | { readonly kind: "node"; readonly name: NodeName; readonly generation: number }
  | { readonly kind: "operator"; readonly name: OperatorName };

export function formatIdentity(identity: Identity): San {
  const value =
    identity.kind === "node"
      ? `keyward://node/${identity.name}?generation=${identity.generation}`
      : `keyward://operator/${identity.name}`;
  return { kind: "uri", value };
}

export const serverIdentity: San = { kind: "uri", value: "keyward://server" };

/** Is this the certificate of a Keyward server, as opposed to one that was signed for somebody else? */
export function isServer(names: readonly San[]): boolean {
  return names.some(({ kind, value }) => kind === serverIdentity.kind && value === serverIdentity.value);
}

/** Is this a name that only Keyward itself gives? No request may ask for one. */
export function isReserved({ kind, value }: San): boolean {
  return kind === "uri" && /^keyward:/i.test(value);
}

/**
 * Whom these names make it, or `null` when it is a certificate for other programs.
 *
 * @throws KeywardError `malformed` when there is more than one identity, or one that is not exactly as
 *   `formatIdentity` writes it.
 */
export function identityOf(sans: readonly San[]): Identity | null {
  const reserved = sans.filter(isReserved);
  const [first] = reserved;
  if (first === undefined) return null;
  const identity = reserved.length === 1 ? parse(first.value) : null;
  if (identity !== null && formatIdentity(identity).value === first.value) return identity;
  throw new KeywardError("malformed", "certificate: not exactly one identity in its canonical form");
}

function parse(uri: string): Identity | null {
  const [, kind, path = "", generation] =
    /^keyward:\/\/(node|operator)\/([^?]+)(?:\?generation=([0-9]{1,15}))?$/.exec(uri) ?? [];
  if (kind === "node" && Number(generation) >= 1) {
    return { kind, name: parseNodeName(path), generation: Number(generation) };
  }
  return kind === "operator" && generation === undefined ? { kind, name: parseOperatorName(path) } : null;
}
