/** Tending: what has run out is forgotten, so that the tables do not grow for ever. To be called now and then. */
import type { Journal } from "../audit/audit.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { Node } from "../model/node.ts";
import { nodes } from "../records/records.ts";
import type { Store, Transact, Transaction } from "../store/store.ts";
import type { Table } from "../store/table.ts";
import { authorities } from "./ca.ts";
import { nodeCertificates, otherCertificates } from "./issued.ts";
import { joinTokens } from "./join-token.ts";
import { rowsOf } from "./revocation.ts";

export interface Tending {
  /**
   * Remove expired certificates, join tokens and CAs whose overlap is over, and nodes that strangers announced and
   * nobody approved within a week.
   */
  tend(): Promise<void>;
}

export interface TendingNeeds {
  readonly journal: Journal;
  readonly transact: Transact;
  readonly store: Store;
  readonly clock: Clock;
}

const WEEK = 7 * 86_400_000;
const BATCH = 200;

export function createTending({ journal, transact, store, clock }: TendingNeeds): Tending {
  /** Nothing of this can be used any more, so it is no act: its end was decided when it was made. */
  async function sweep<T>(
    table: Table<T>,
    idOf: (row: T) => string,
    isOver: (row: T, now: UnixMs) => boolean,
  ): Promise<void> {
    const removeAll = (ids: readonly string[]) =>
      transact(async (tx: Transaction) => {
        for (const id of ids) {
          const row = await table.get(tx, id);
          if (row !== null && isOver(row, clock())) table.delete(tx, id);
        }
      });
    let over: string[] = [];
    for await (const row of rowsOf(store, table)) {
      if (!isOver(row, clock())) continue;
      if (over.push(idOf(row)) < BATCH) continue;
      await removeAll(over);
      over = [];
    }
    if (over.length > 0) await removeAll(over);
  }

  async function forgetStrangers(): Promise<void> {
    const by = { kind: "system", name: "server" } as const;
    for await (const row of rowsOf(store, nodes)) {
      if (!isStranger(row, clock())) continue;
      const { name } = row;
      await journal.act({ by, action: "node:write", resource: name }, async (tx, detail) => {
        const now = await nodes.get(tx, name);
        const forgotten = now !== null && isStranger(now, clock());
        Object.assign(detail, { change: "remove", reason: "nobody approved it", forgotten });
        if (forgotten) nodes.delete(tx, name);
      });
    }
  }

  return {
    async tend() {
      await sweep(
        nodeCertificates,
        (row) => row.serial,
        (row, now) => row.notAfter <= now,
      );
      await sweep(
        otherCertificates,
        (row) => row.serial,
        (row, now) => row.notAfter <= now,
      );
      await sweep(
        joinTokens,
        (row) => row.id,
        (row, now) => row.expires <= now,
      );
      await sweep(
        authorities,
        (row) => row.fingerprint,
        (row, now) => (row.trustedUntil ?? now + 1) <= now,
      );
      await forgetStrangers();
    },
  };
}

/** It announced itself, waits for approval, and no operator has said anything about it. */
function isStranger({ state, identity, created, attributes }: Node, now: UnixMs): boolean {
  const { set, attested, inventory } = attributes;
  const untouched = [set, attested, inventory].every((tree) => Object.keys(tree).length === 0);
  return state === "pending" && identity !== undefined && untouched && created + WEEK <= now;
}
