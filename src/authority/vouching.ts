/** Vouching: whom a client certificate speaks for, once OpenSSL has found that it comes from a trusted CA. */
import { KeywardError } from "../base/errors.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import { type CertificateFacts, type Identity, identityOf, readCertificate } from "../formats/x509/x509.ts";
import type { Principal } from "../model/principal.ts";
import type { View } from "../store/view.ts";
import type { OtherCertificate } from "./issued.ts";
import type { Presence } from "./presence.ts";

/** What a connection's certificate says, for as long as the connection lasts. */
export interface Holder {
  readonly identity: Identity;
  /** Who that is now. @throws KeywardError `denied`, `unauthenticated` when it may no longer speak. */
  principal(): Principal;
}

export interface Vouching {
  /**
   * @param certificate - DER, of a chain that OpenSSL has verified up to a trusted CA, within its dates.
   * @throws KeywardError `unauthenticated`, `denied`
   */
  vouch(certificate: Uint8Array): Promise<Holder>;
}

export interface VouchingNeeds {
  readonly presence: Presence;
  readonly clock: Clock;
  /** By serial number: certificates that are not nodes'. */
  readonly others: View<OtherCertificate>;
  /** An operator with what rules of these names allow now. */
  readonly operator: (name: string, rules: readonly string[]) => Principal;
}

export function createVouching({ presence, clock, others, operator }: VouchingNeeds): Vouching {
  /** OpenSSL looks at the dates when a connection begins; some last. */
  function assertCurrent(notAfter: UnixMs): void {
    if (clock() < notAfter) return;
    throw new KeywardError("unauthenticated", "the client certificate has expired", {
      hint: "connect again with a new certificate",
    });
  }

  async function vouchNode(
    facts: CertificateFacts,
    identity: Extract<Identity, { kind: "node" }>,
  ): Promise<Holder> {
    const { name: node, generation } = identity;
    // The rest of the certificate is not kept: thousands of connections may be open.
    const { notAfter, notBefore, keyFingerprint: fingerprint } = facts;
    const shown = { node, generation, fingerprint, notBefore };
    await presence.presented(shown);
    return {
      identity,
      principal() {
        assertCurrent(notAfter);
        presence.assertPresent(shown);
        return { kind: "node", name: node };
      },
    };
  }

  async function vouchOperator(
    facts: CertificateFacts,
    identity: Extract<Identity, { kind: "operator" }>,
  ): Promise<Holder> {
    const { serial, notAfter } = facts;
    await others.ready;
    const principal = (): Principal => {
      assertCurrent(notAfter);
      const row = others.get(serial);
      if (row?.operator === undefined || row.operator.name !== identity.name || row.revoked !== undefined) {
        throw new KeywardError(
          "denied",
          `operator ${identity.name}: this certificate is revoked or not known`,
          {
            hint: "ask for a new one: keyward cert sign",
          },
        );
      }
      return operator(identity.name, row.operator.rules);
    };
    principal();
    return { identity, principal };
  }

  return {
    async vouch(certificate) {
      const facts = readCertificate(certificate);
      const identity = facts.client ? identityOf(facts.names) : null;
      if (identity === null) {
        throw new KeywardError("unauthenticated", "the client certificate is not a node's or an operator's", {
          hint: "sign in with a token, or with a certificate made for an operator",
        });
      }
      return identity.kind === "node" ? vouchNode(facts, identity) : vouchOperator(facts, identity);
    },
  };
}
