/**
 * CA: the authority that certificates come from. One issues; those before it stay trusted until their overlap
 * ends. Private keys are kept sealed and opened when the first certificate is signed.
 *
 * When it is rotated, the old CA also signs the new one's key (a cross-certificate): whoever trusts either one
 * accepts what the new one issues.
 */
import type { Caller, Journal } from "../audit/audit.ts";
import { fromBase64, toBase64 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Clock, DurationMs, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { crossSign, type Issuer, makeCa, openIssuer, parseCertificate } from "../formats/x509/x509.ts";
import type { RootKey } from "../seal/root-key.ts";
import type { Store, Transaction } from "../store/store.ts";
import { createTable } from "../store/table.ts";
import { openView, type View } from "../store/view.ts";
import { BACKDATE } from "./issued.ts";

export interface AuthorityRow {
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly pem: string;
  readonly created: UnixMs;
  readonly notAfter: UnixMs;
  /** The private key (PKCS #8), sealed for this fingerprint, base64. */
  readonly key: string;
  /** This CA signed by the one before, as long as that one is trusted. */
  readonly cross?: { readonly pem: string; readonly until: UnixMs };
  /** It issues no more, and is trusted until then. Absent: it is the one that issues. */
  readonly trustedUntil?: UnixMs;
}

export const authorities = createTable<AuthorityRow>("authorities/", (row) => row.fingerprint);

/** The answer of `ca.show`. */
export interface CaList {
  /** The first one issues, all are to be trusted. */
  readonly certificates: readonly {
    readonly pem: string;
    readonly fingerprint: string;
    readonly notAfter: UnixMs;
    readonly state: "issuing" | "trusted";
    /** Absent: until `notAfter`. */
    readonly trustedUntil?: UnixMs;
  }[];
}

export interface Ca {
  /** Make the first CA, unless there is one. @throws KeywardError `sealed`, `uninitialised`, `denied` */
  initialise(caller: Caller): Promise<void>;
  /** Empty before `initialise`. */
  show(): CaList;
  /**
   * A new CA issues from now on.
   *
   * @param options - `overlap`: how long the old one stays trusted, 0 to 366 days; 30 days by default.
   * @throws KeywardError `usage`, `sealed`, `uninitialised`, `denied`
   */
  rotate(caller: Caller, options?: { overlap?: DurationMs }): Promise<CaList>;
  /** Called when the certificates to trust have changed. */
  onTrustChange(listener: () => void): () => void;
}

/** What the rest of this room needs as well. */
export interface CaKeeper extends Ca {
  readonly ready: Promise<void>;
  /** Trusted now: the one that issues first, then the newest. */
  trusted(): AuthorityRow[];
  /** PEM, in the order that OpenSSL needs: cross-certificates, then the CAs that are trusted. */
  chain(): string[];
  /** The CA at the end of the server's chain, which a first contact finds there: the oldest that is trusted. */
  anchor(): AuthorityRow;
  /** @throws KeywardError `uninitialised` */
  issuing(): AuthorityRow;
  /** Every CA that is kept, trusted or not. */
  all(): AuthorityRow[];
  /** @throws KeywardError `sealed` */
  open(row: AuthorityRow): Promise<Issuer>;
  close(): void;
}

export interface CaNeeds {
  readonly journal: Journal;
  readonly store: Store;
  readonly rootKey: RootKey;
  readonly clock: Clock;
  readonly random: Random;
}

const DAY = 86_400_000;
const CA_LIFE = 3653 * DAY;
const DEFAULT_OVERLAP = 30 * DAY;
const MAX_OVERLAP = 366 * DAY;
const PURPOSE = "ca-key";

export function createCa({ journal, store, rootKey, clock, random }: CaNeeds): CaKeeper {
  const listeners = new Set<() => void>();
  const view: View<AuthorityRow> = openView(store, authorities, {
    onChange: () => {
      for (const listener of listeners) listener();
    },
  });
  const opened = new Map<string, Promise<Issuer>>();
  rootKey.onSeal(() => opened.clear());

  const all = (): AuthorityRow[] => [...view.values()].sort((a, b) => b.created - a.created);
  const trusted = (): AuthorityRow[] => trustedOf(all(), clock());

  function open(row: AuthorityRow): Promise<Issuer> {
    const known = opened.get(row.fingerprint) ?? openKey(row, rootKey);
    opened.set(row.fingerprint, known);
    known.catch(() => opened.delete(row.fingerprint));
    return known;
  }

  async function make(
    tx: Transaction,
    created: UnixMs,
    extra: (pem: string) => Promise<Partial<AuthorityRow>>,
  ): Promise<AuthorityRow> {
    const notAfter = (created + CA_LIFE) as UnixMs;
    const made = await makeCa({ notBefore: (created - BACKDATE) as UnixMs, notAfter, random });
    const { fingerprint, pem, privateKey } = made;
    try {
      const key = toBase64(rootKey.seal(PURPOSE, [fingerprint], privateKey));
      const row = { fingerprint, pem, created, notAfter, key, ...(await extra(pem)) };
      authorities.put(tx, row);
      return row;
    } finally {
      privateKey.wipe();
    }
  }

  /** Those before the old one lose their trust with it at the latest, so that the chain to each has no gap. */
  async function succeed(
    tx: Transaction,
    overlap: number,
  ): Promise<{ made: AuthorityRow; old: AuthorityRow }> {
    const rows = await authorities.list(tx);
    const old = rows.find(isIssuing);
    if (old === undefined) throw noCa();
    const now = clock();
    const until = Math.min(now + overlap, old.notAfter) as UnixMs;
    const dates = { notBefore: (now - BACKDATE) as UnixMs, notAfter: until };
    // CAs are told apart by age: never two of the same millisecond.
    const created = Math.max(now, old.created + 1) as UnixMs;
    const made = await make(tx, created, async (pem) =>
      overlap === 0
        ? {}
        : { cross: { pem: await crossSign(await open(old), pem, { ...dates, random }), until } },
    );
    for (const row of rows) {
      const trustedUntil = Math.min(row.trustedUntil ?? until, until) as UnixMs;
      const cross = row.cross && { ...row.cross, until: Math.min(row.cross.until, until) as UnixMs };
      authorities.put(tx, { ...row, trustedUntil, ...(cross && { cross }) });
    }
    return { made, old };
  }

  return {
    ready: view.ready,
    all,
    trusted,
    open,
    show: () => listOf(trusted()),
    chain() {
      const [rows, now] = [trusted(), clock()];
      const crosses = rows.flatMap(({ cross }) =>
        cross !== undefined && now < cross.until ? cross.pem : [],
      );
      return [...crosses, ...rows.map(({ pem }) => pem)];
    },
    anchor() {
      const row = trusted().at(-1);
      if (row === undefined) throw noCa();
      return row;
    },
    issuing() {
      const row = all().find(isIssuing);
      if (row === undefined) throw noCa();
      return row;
    },

    async initialise(caller) {
      await journal.act({ ...caller, action: "ca:rotate", resource: "ca" }, async (tx, detail) => {
        const [kept] = await authorities.list(tx, { limit: 1 });
        detail.fingerprint = (kept ?? (await make(tx, clock(), async () => ({})))).fingerprint;
      });
    },

    async rotate(caller, { overlap = DEFAULT_OVERLAP } = {}) {
      if (!Number.isSafeInteger(overlap) || overlap < 0 || overlap > MAX_OVERLAP) {
        throw new KeywardError("usage", "ca: want an overlap of 0s to 366d");
      }
      const act = { ...caller, action: "ca:rotate", resource: "ca" } as const;
      return journal.act(act, async (tx, detail) => {
        const { made, old } = await succeed(tx, overlap);
        Object.assign(detail, { fingerprint: made.fingerprint, old: old.fingerprint, overlap });
        const others = (await authorities.list(tx)).sort((a, b) => b.created - a.created);
        return listOf(trustedOf(others, clock()));
      });
    },

    onTrustChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => view.close(),
  };
}

async function openKey(row: AuthorityRow, rootKey: RootKey): Promise<Issuer> {
  const secret = rootKey.open(PURPOSE, [row.fingerprint], fromBase64(row.key, "CA key"));
  try {
    if (parseCertificate(row.pem).fingerprint !== row.fingerprint) {
      throw new KeywardError("integrity", "record of the CA: the certificate was changed", {
        hint: "restore the store from a backup",
      });
    }
    return await openIssuer(row.pem, secret);
  } finally {
    secret.wipe();
  }
}

function isIssuing(row: AuthorityRow): boolean {
  return row.trustedUntil === undefined;
}

function trustedOf(rows: readonly AuthorityRow[], now: UnixMs): AuthorityRow[] {
  const current = rows.filter(({ trustedUntil = Number.POSITIVE_INFINITY }) => now < trustedUntil);
  return [...current.filter(isIssuing), ...current.filter((row) => !isIssuing(row))];
}

function listOf(rows: readonly AuthorityRow[]): CaList {
  const certificates = rows.map((row) => ({
    pem: row.pem,
    fingerprint: row.fingerprint,
    notAfter: row.notAfter,
    state: isIssuing(row) ? ("issuing" as const) : ("trusted" as const),
    ...(row.trustedUntil === undefined ? {} : { trustedUntil: row.trustedUntil }),
  }));
  return { certificates };
}

function noCa(): KeywardError {
  return new KeywardError("uninitialised", "there is no CA yet", { hint: "run: keyward init" });
}
