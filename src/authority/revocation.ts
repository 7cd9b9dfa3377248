/**
 * Revocation lists: one for each CA that is kept, made anew when something was revoked or half of its life is
 * over. The server does not need them: it knows at once what is revoked. They are for everybody else.
 */
import type { Clock, UnixMs } from "../base/time.ts";
import { makeCrl, type Revocation } from "../formats/x509/x509.ts";
import type { Store } from "../store/store.ts";
import type { Table } from "../store/table.ts";
import type { AuthorityRow, CaKeeper } from "./ca.ts";
import { type NodeCertificate, nodeCertificates, otherCertificates } from "./issued.ts";
import type { KnownNodes } from "./known-nodes.ts";

export interface RevocationLists {
  /** PEM, the issuing CA's list first. @throws KeywardError `sealed`, `uninitialised` */
  crl(): Promise<string>;
}

export interface RevocationKeeper extends RevocationLists {
  /** Something may have been revoked. */
  changed(): void;
}

export interface RevocationNeeds {
  readonly store: Store;
  readonly ca: CaKeeper;
  readonly known: KnownNodes;
  readonly clock: Clock;
}

const LIFE = 7 * 86_400_000;
const PAGE = 1000;

interface Made {
  readonly pem: string;
  readonly at: UnixMs;
  /** Which change it contains. */
  readonly change: number;
}

export function createRevocationLists({ store, ca, known, clock }: RevocationNeeds): RevocationKeeper {
  let changes = 0;
  let made: Made | null = null;
  let making: Promise<Made> | null = null;

  async function make(): Promise<Made> {
    await Promise.all([ca.ready, known.ready]);
    const change = changes;
    const now = clock();
    const revoked = await collect(now);
    // Numbers must grow, also when two lists are made in the same millisecond.
    const at = Math.max(now, (made?.at ?? 0) + 1) as UnixMs;
    ca.issuing();
    const lists: string[] = [];
    for (const row of ca.trusted()) lists.push(await listFor(row, revoked.get(row.fingerprint) ?? [], at));
    made = { pem: lists.join(""), at, change };
    return made;
  }

  async function listFor(row: AuthorityRow, revoked: readonly Revocation[], at: UnixMs): Promise<string> {
    return makeCrl(await ca.open(row), { thisUpdate: at, nextUpdate: (at + LIFE) as UnixMs, revoked });
  }

  /** By the fingerprint of the CA that issued: what is revoked and has not expired. */
  async function collect(now: UnixMs): Promise<Map<string, Revocation[]>> {
    const found = new Map<string, Revocation[]>();
    const add = (
      { serial, issuer, notAfter }: { serial: string; issuer: string; notAfter: UnixMs },
      at: UnixMs,
    ) => {
      if (notAfter <= now) return;
      const list = found.get(issuer) ?? [];
      found.set(issuer, list);
      list.push({ serial, at });
    };
    for await (const row of rowsOf(store, otherCertificates))
      if (row.revoked !== undefined) add(row, row.revoked);
    for await (const row of rowsOf(store, nodeCertificates)) if (isRevoked(row)) add(row, now);
    return found;
  }

  function isRevoked({ node, issued }: NodeCertificate): boolean {
    const now = known.get(node);
    return now === undefined || now.state === "revoked" || issued < now.created;
  }

  function fresh(): Made | null {
    return made !== null && made.change === changes && clock() < made.at + LIFE / 2 ? made : null;
  }

  return {
    changed() {
      changes += 1;
    },
    async crl() {
      for (;;) {
        const kept = fresh();
        if (kept !== null) return kept.pem;
        making ??= make().finally(() => {
          making = null;
        });
        await making;
      }
    },
  };
}

/** Every row of a table, read by page, outside a transaction. */
export async function* rowsOf<T>(store: Store, table: Table<T>): AsyncGenerator<T> {
  for (let after = ""; ; ) {
    const page = await store.range({ prefix: table.prefix, after, limit: PAGE });
    for (const { key, value } of page) yield table.decode(key, value);
    if (page.length < PAGE) return;
    after = page.at(-1)?.key ?? after;
    // a store that answers in this thread would keep everyone else waiting until the table's end
    await new Promise((resolve) => setImmediate(resolve));
  }
}
