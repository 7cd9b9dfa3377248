/**
 * Authority: who is vouched for. The CA, the server's certificate, enrolment of nodes and the generations of
 * their certificates, certificates for operators and other programs, and what is revoked.
 */
import type { Journal } from "../audit/audit.ts";
import type { Clock, DurationMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import type { Principal, Rule } from "../model/principal.ts";
import type { RootKey } from "../seal/root-key.ts";
import type { Store, Transact, Transaction } from "../store/store.ts";
import { openView } from "../store/view.ts";
import { type Ca, createCa } from "./ca.ts";
import { createEnrolment, type Enrolment } from "./enrolment.ts";
import { otherCertificates } from "./issued.ts";
import { createJoinTokens, type JoinTokens } from "./join-token.ts";
import { createKnownNodes } from "./known-nodes.ts";
import { createDraftCertificate } from "./node-certificates.ts";
import { createPresence, type Presence } from "./presence.ts";
import { createRefuse } from "./refusals.ts";
import { createRenewal, type Renewal } from "./renewal.ts";
import { createRevocationLists, type RevocationLists } from "./revocation.ts";
import { createServerCertificates, type ServerCertificates } from "./server-certificate.ts";
import { type Certificates, createCertificates } from "./signing.ts";
import { createTending, type Tending } from "./tending.ts";
import { createVouching, type Vouching } from "./vouching.ts";

export type { CaList } from "./ca.ts";
export type { EnrolAnswer, EnrolRequest } from "./enrolment.ts";
export type { ServerCertificate } from "./server-certificate.ts";
export type { CertificateInfo, SignRequest } from "./signing.ts";
export type { Holder } from "./vouching.ts";

export interface AuthorityNeeds {
  readonly journal: Journal;
  readonly transact: Transact;
  /** Watched for changes of CAs, certificates and nodes. */
  readonly store: Store;
  readonly rootKey: RootKey;
  readonly clock: Clock;
  readonly random: Random;
  /** The rules of these names, as they stand in a transaction. @throws KeywardError `not-found` */
  readonly resolveRules: (tx: Transaction, names: readonly string[]) => Promise<readonly Rule[]>;
  /** An operator with what rules of these names allow now. */
  readonly operator: (name: string, rules: readonly string[]) => Principal;
  /** How long a node's certificate lives: 24 hours by default. */
  readonly nodeLife?: DurationMs;
  /** Nodes that wait for approval, at most: 1,000 by default. */
  readonly maxPending?: number;
  /** Refusals that have an event, and strangers that are written down, each minute: 60 of each by default. */
  readonly perMinute?: number;
}

export interface Authority
  extends Ca,
    ServerCertificates,
    JoinTokens,
    Enrolment,
    Renewal,
    Presence,
    Vouching,
    Certificates,
    RevocationLists,
    Tending {
  /** Settles once everything is in memory that is looked up at each connection. */
  readonly ready: Promise<void>;
  close(): void;
}

export function createAuthority(needs: AuthorityNeeds): Authority {
  const {
    journal,
    store,
    clock,
    nodeLife = 86_400_000 as DurationMs,
    maxPending = 1000,
    perMinute = 60,
  } = needs;
  const ca = createCa(needs);
  const known = createKnownNodes(store, clock, () => lists.changed());
  const others = openView(store, otherCertificates, { onChange: () => lists.changed() });
  const lists = createRevocationLists({ store, ca, known, clock });
  const stopHearing = ca.onTrustChange(() => lists.changed());
  const refuse = createRefuse(journal, clock, perMinute);
  const draft = createDraftCertificate({ ...needs, ca, life: nodeLife });
  const presence = createPresence({ journal, known, clock, refuse });
  const find = async (serial: string) => {
    await others.ready;
    return others.get(serial) ?? null;
  };
  const ready = Promise.all([ca.ready, known.ready, others.ready]).then(() => {});
  ready.catch(() => {});
  const { initialise, show, rotate, onTrustChange } = ca;
  return {
    initialise,
    show,
    rotate,
    onTrustChange,
    ...createServerCertificates({ ...needs, ca }),
    ...createJoinTokens({ ...needs, ca }),
    ...createEnrolment({ ...needs, ca, known, refuse, draft, maxPending, waitsPerMinute: perMinute }),
    ...createRenewal({ journal, ca, known, draft }),
    ...presence,
    ...createVouching({ ...needs, presence, others }),
    ...createCertificates({ ...needs, ca, find }),
    crl: lists.crl,
    ...createTending(needs),
    ready,
    close() {
      stopHearing();
      ca.close();
      known.close();
      others.close();
    },
  };
}
