/**
 * Signing for others: certificates from requests, for operators who sign in with them and for programs that
 * have nothing else to do with Keyward. The rule is `cert:sign` on each name that the certificate will bear.
 */
import type { Act, Caller, Detail, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import type { Clock, DurationMs, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import {
  type CertificateRequest,
  formatIdentity,
  isReserved,
  issueLeaf,
  makeSerial,
  parseHost,
  parseRequest,
  type San,
  type Usage,
} from "../formats/x509/x509.ts";
import { formatPrincipal, type Rule } from "../model/principal.ts";
import { assertHandsOn, parseOperatorName } from "../model/rule.ts";
import type { Transaction } from "../store/store.ts";
import type { CaKeeper } from "./ca.ts";
import { BACKDATE, nodeCertificates, type OtherCertificate, otherCertificates } from "./issued.ts";
import { resourceOf } from "./names.ts";

/** What may be shown of a certificate. */
export type CertificateInfo = Omit<OtherCertificate, "issuer" | "operator">;

export interface SignRequest {
  /** PEM. */
  readonly csr: string;
  /** 1 minute to 398 days; 90 days by default. */
  readonly ttl?: DurationMs;
  /** Both by default; an operator's is for clients. */
  readonly usage?: readonly Usage[];
  /** It signs in as this operator, under these rules. The names in the request are left out. */
  readonly operator?: { readonly name: string; readonly rules: readonly string[] };
}

export interface Certificates {
  /**
   * @throws KeywardError `denied` when a name is not covered, or a rule allows more than the caller has;
   *   `usage`, `malformed`, `too-large` for a bad request; `not-found` for an unknown rule; `sealed`.
   */
  signCertificate(caller: Caller, request: SignRequest): Promise<{ pem: string; info: CertificateInfo }>;
  /** Those of nodes are left out. In order of serial number. */
  listCertificates(
    caller: Caller,
    page?: { after?: string; limit?: number },
  ): Promise<{ certs: CertificateInfo[]; more: boolean }>;
  /** In force at once. @throws KeywardError `not-found`; `usage` for a node's: revoke the node. */
  revokeCertificate(caller: Caller, serial: string): Promise<CertificateInfo>;
}

export interface CertificatesNeeds {
  readonly journal: Journal;
  readonly ca: CaKeeper;
  readonly clock: Clock;
  readonly random: Random;
  /** The rules of these names, as they stand in the transaction. */
  readonly resolveRules: (tx: Transaction, names: readonly string[]) => Promise<readonly Rule[]>;
  /** Reads a record outside a transaction. */
  readonly find: (serial: string) => Promise<OtherCertificate | null>;
}

const DAY = 86_400_000;
const MAX_LIMIT = 1000;

/** What will stand in the certificate. */
interface Draft {
  readonly subject: string;
  readonly names: readonly San[];
  /** As rules see the names. */
  readonly resources: readonly string[];
  readonly usages: readonly Usage[];
}

export function createCertificates(needs: CertificatesNeeds): Certificates {
  const { journal, ca, clock, random, resolveRules, find } = needs;

  async function issue(
    csr: CertificateRequest,
    draft: Draft,
    ttl: number,
  ): Promise<{ pem: string; row: CertificateInfo & { issuer: string } }> {
    const issuing = ca.issuing();
    const issued = clock();
    const notAfter = Math.min(issued + ttl, issuing.notAfter) as UnixMs;
    const serial = makeSerial(random);
    const pem = await issueLeaf(await ca.open(issuing), {
      publicKey: csr.publicKey,
      commonName: draft.subject,
      names: draft.names,
      usages: draft.usages,
      serial,
      notBefore: (issued - BACKDATE) as UnixMs,
      notAfter,
    });
    const { subject, resources: names } = draft;
    return { pem, row: { serial, issuer: issuing.fingerprint, issued, notAfter, subject, names, by: "" } };
  }

  return {
    async signCertificate(caller, request) {
      await ca.ready;
      const csr = parseRequest(request.csr);
      const { operator, ttl = (90 * DAY) as DurationMs } = request;
      assertTtl(ttl);
      const draft =
        operator === undefined ? draftOther(csr, request.usage) : draftOperator(operator.name, request.usage);
      const acts = draft.resources.map((resource) => ({ ...caller, action: "cert:sign", resource }) as const);
      return journal.actAll(acts, async (tx, details) => {
        if (operator !== undefined) assertHandsOn(caller.by, await resolveRules(tx, operator.rules));
        const { pem, row } = await issue(csr, draft, ttl);
        const kept = { ...row, by: formatPrincipal(caller.by), ...(operator && { operator }) };
        otherCertificates.put(tx, kept);
        for (const detail of details) Object.assign(detail, detailOf(kept));
        return { pem: caller.dryRun === true ? "" : pem, info: infoOf(kept) };
      });
    },

    async listCertificates(caller, { after, limit = 100 } = {}) {
      const act = { ...caller, action: "cert:read", resource: "certificates" } as const;
      const most = Math.min(Math.max(1, limit), MAX_LIMIT);
      const page = { limit: most + 1, ...(after !== undefined && { after }) };
      const rows = await journal.act(act, (tx) => otherCertificates.list(tx, page));
      return { certs: rows.slice(0, most).map(infoOf), more: rows.length > most };
    },

    async revokeCertificate(caller, serial) {
      const names = (await find(serial))?.names ?? [];
      const resources = names.length > 0 ? names : [serial];
      const acts = resources.map((resource): Act => ({ ...caller, action: "cert:revoke", resource }));
      return journal.actAll(acts, async (tx, details) => {
        const row = await otherCertificates.get(tx, serial);
        if (row === null) throw await notFound(tx, serial);
        const revoked = { ...row, revoked: row.revoked ?? clock() };
        otherCertificates.put(tx, revoked);
        for (const detail of details) detail.serial = serial;
        return infoOf(revoked);
      });
    },
  };
}

function detailOf({ serial, notAfter, operator }: OtherCertificate): Detail {
  return { serial, notAfter, ...(operator && { operator: operator.name, rules: operator.rules.join(" ") }) };
}

function draftOperator(text: string, usage: readonly Usage[] | undefined): Draft {
  const name = parseOperatorName(text);
  if (usage?.includes("server"))
    throw new KeywardError("usage", "certificate: an operator's is for clients only");
  const names = [formatIdentity({ kind: "operator", name })];
  return { subject: name, names, resources: [`operator/${name}`], usages: ["client"] };
}

/** @throws KeywardError `usage`, `malformed` */
function draftOther(csr: CertificateRequest, usages: readonly Usage[] = ["client", "server"]): Draft {
  const names = namesOf(csr);
  if (names.some(isReserved)) {
    throw new KeywardError("usage", "certificate request: names that start with keyward: are Keyward's own", {
      hint: "nodes enrol; operators' certificates are asked for by operator name",
    });
  }
  if (usages.length === 0) throw new KeywardError("usage", "certificate: want client, server or both");
  const [first] = names;
  return { subject: first?.value ?? "", names, resources: [...new Set(names.map(resourceOf))], usages };
}

/** The names, and the common name unless it is one of them: it is a name as well for many programs. */
function namesOf({ commonName, names }: CertificateRequest): San[] {
  if (
    commonName === null ||
    names.some(({ value }) => value === commonName.toLowerCase() || value === commonName)
  ) {
    if (names.length > 0) return [...names];
    throw new KeywardError("usage", "certificate request: no name in it", {
      hint: "ask for a subjectAltName",
    });
  }
  return [parseHost(commonName, "certificate request: common name"), ...names];
}

function assertTtl(ttl: number): void {
  if (Number.isSafeInteger(ttl) && ttl >= 60_000 && ttl <= 398 * DAY) return;
  throw new KeywardError("usage", "certificate: want a time to live of 1m to 398d");
}

function infoOf({ issuer: _, operator: __, ...info }: OtherCertificate): CertificateInfo {
  return info;
}

async function notFound(tx: Transaction, serial: string): Promise<KeywardError> {
  const node = (await nodeCertificates.get(tx, serial))?.node;
  if (node === undefined) {
    return new KeywardError("not-found", "certificate: no such serial number", {
      hint: "see: keyward cert list",
    });
  }
  return new KeywardError("usage", `certificate: it is node ${node}'s`, {
    hint: `run: keyward node revoke ${node}`,
  });
}
