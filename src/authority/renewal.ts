/** Renewal: a node's next certificate, one generation up. */
import type { Caller, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import { type CertificateRequest, parseRequest } from "../formats/x509/x509.ts";
import type { NodeName } from "../model/name.ts";
import { nodes } from "../records/records.ts";
import { again, CHANGED } from "./attempts.ts";
import type { CaKeeper } from "./ca.ts";
import { nodeCertificates } from "./issued.ts";
import type { KnownNodes } from "./known-nodes.ts";
import type { DraftCertificate } from "./node-certificates.ts";

export interface Renewal {
  /**
   * The next generation.
   *
   * @param caller - The node.
   * @param request - `generation`: the one that the connection was made with, if it is at hand.
   * @throws KeywardError `denied` unless it is active; `malformed`, `usage`.
   */
  renew(
    caller: Caller,
    request: { csr: string; generation?: number },
  ): Promise<{ certificate: string; ca: string[] }>;
}

export interface RenewalNeeds {
  readonly journal: Journal;
  readonly ca: CaKeeper;
  readonly known: KnownNodes;
  readonly draft: DraftCertificate;
}

export function createRenewal({ journal, ca, known, draft }: RenewalNeeds): Renewal {
  async function renewOnce(caller: Caller, csr: CertificateRequest, generation?: number): Promise<string> {
    const node = nodeOf(caller);
    const now = known.get(node);
    const next = (now?.identity?.issued ?? 0) + 1;
    const drafted = now?.state === "active" ? await draft(node, next, csr.publicKey) : null;
    return journal.act({ ...caller, action: "node:renew", resource: node }, async (tx, detail) => {
      const row = await nodes.get(tx, node);
      if (row?.state !== "active" || row.identity === undefined) throw notActive(node);
      if (generation !== undefined && generation < row.identity.seen) throw notActive(node);
      if (drafted?.row.generation !== row.identity.issued + 1) throw CHANGED;
      nodes.put(tx, { ...row, identity: { ...row.identity, issued: next, fingerprint: csr.fingerprint } });
      nodeCertificates.put(tx, drafted.row);
      Object.assign(detail, { generation: next, serial: drafted.row.serial });
      return drafted.pem;
    });
  }

  return {
    async renew(caller, { csr: pem, generation }) {
      await Promise.all([known.ready, ca.ready]);
      const csr = parseRequest(pem);
      const certificate = await again(() => renewOnce(caller, csr, generation));
      return { certificate, ca: ca.trusted().map((one) => one.pem) };
    },
  };
}

function nodeOf({ by }: Caller): NodeName {
  if (by.kind === "node") return by.name;
  throw new KeywardError("denied", "only a node renews its certificate", { hint: "enrol the node first" });
}

function notActive(node: NodeName): KeywardError {
  return new KeywardError("denied", `node ${node}: gets no new certificate`, {
    hint: "see: keyward node show",
  });
}
