/** A node's next certificate: 24 hours, one generation up. */
import type { Clock, DurationMs, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { formatIdentity, issueLeaf, makeSerial } from "../formats/x509/x509.ts";
import type { NodeName } from "../model/name.ts";
import type { CaKeeper } from "./ca.ts";
import { BACKDATE, type NodeCertificate } from "./issued.ts";

export interface Drafted {
  readonly pem: string;
  readonly row: NodeCertificate;
}

/**
 * Issue, but do not record: signing takes 3 ms, too long for a transaction that others share. Whoever asks
 * checks first that there will be a use for it, and records it only if the node is still as it was.
 *
 * @param key - SubjectPublicKeyInfo, DER.
 * @throws KeywardError `sealed`, `uninitialised`
 */
export type DraftCertificate = (node: NodeName, generation: number, key: Uint8Array) => Promise<Drafted>;

export interface DraftNeeds {
  readonly ca: CaKeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly life: DurationMs;
}

export function createDraftCertificate({ ca, clock, random, life }: DraftNeeds): DraftCertificate {
  return async (node, generation, publicKey) => {
    const issuing = ca.issuing();
    const issuer = await ca.open(issuing);
    const issued = clock();
    const notAfter = Math.min(issued + life, issuing.notAfter) as UnixMs;
    const serial = makeSerial(random);
    const pem = await issueLeaf(issuer, {
      publicKey,
      commonName: node,
      names: [formatIdentity({ kind: "node", name: node, generation })],
      usages: ["client"],
      serial,
      notBefore: (issued - BACKDATE) as UnixMs,
      notAfter,
    });
    return { pem, row: { serial, node, generation, issuer: issuing.fingerprint, issued, notAfter } };
  };
}
