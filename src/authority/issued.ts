/** Issued certificates, as they are kept: nodes' apart from all others, because there are many and they are short-lived. */
import type { UnixMs } from "../base/time.ts";
import type { NodeName } from "../model/name.ts";
import { createTable } from "../store/table.ts";

interface Issued {
  /** Lower-case hex. */
  readonly serial: string;
  /** Fingerprint of the CA that signed it. */
  readonly issuer: string;
  readonly issued: UnixMs;
  readonly notAfter: UnixMs;
}

export interface NodeCertificate extends Issued {
  readonly node: NodeName;
  readonly generation: number;
}

export interface OtherCertificate extends Issued {
  readonly subject: string;
  /** As rules name them: `dns/com/example/web`. */
  readonly names: readonly string[];
  /** Who had it signed, as events name it. */
  readonly by: string;
  readonly revoked?: UnixMs;
  /** It signs in as this operator, under these rules. */
  readonly operator?: { readonly name: string; readonly rules: readonly string[] };
}

export const nodeCertificates = createTable<NodeCertificate>("certificates/nodes/", (row) => row.serial);
export const otherCertificates = createTable<OtherCertificate>("certificates/others/", (row) => row.serial);

/** Certificates say that they were issued so much earlier, for clocks that are slow. */
export const BACKDATE = 5 * 60_000;
