/**
 * Audit: permission, change and event in one step. Every act of the rooms above runs through `Journal.act`;
 * nothing is read or changed beside it. `journal.ts` makes one; `chain.ts` checks what it wrote.
 */
import type { Event } from "../model/event.ts";
import type { Action, NodeAction, Principal, SystemAction } from "../model/principal.ts";
import type { Transaction } from "../store/store.ts";

/** Who calls, and how: every act of the rooms above takes one as its first argument. */
export interface Caller {
  readonly by: Principal;
  /** Ties the event to a request in the server's log. */
  readonly request?: string;
  /** Do everything but write: neither the change nor the event is kept. Permission is still needed. */
  readonly dryRun?: boolean;
}

export interface Act extends Caller {
  readonly action: Action | NodeAction | SystemAction;
  /** What it is done to, by name: rules are matched against it. */
  readonly resource: string;
}

/** More for the event, once the work knows it (the version that a put made, say). Not secret. */
export type Detail = Record<string, string | number | boolean>;

export interface Journal {
  /**
   * Check the permission, do the work, write the event: one transaction, durable when this answers. `work`
   * may run more than once and must have no effect but through `tx` and `detail`.
   *
   * @throws KeywardError `denied`: the denial has its own event, committed before this throws. Whatever
   *   `work` throws: nothing is written then, but for a `failed` event when the error is `integrity` or
   *   `wrong-key`, and a `denied` event when it is `denied`.
   */
  act<T>(act: Act, work: (tx: Transaction, detail: Detail) => Promise<T> | T): Promise<T>;

  /**
   * Several acts of one request (a node's whole bundle) in one transaction, an event for each. A denial of
   * one refuses all.
   */
  actAll<T>(
    acts: readonly Act[],
    work: (tx: Transaction, details: readonly Detail[]) => Promise<T> | T,
  ): Promise<T>;

  /** An event without a change: a start, a refused login. */
  note(event: Pick<Event, "by" | "action" | "resource" | "outcome" | "detail">): Promise<void>;

  /** Events after `after` (by number), oldest first, at most `limit`; filtered by a key or node name when given. */
  list(query: { after: number; limit: number; resource?: string; by?: string }): Promise<Event[]>;

  /** Called for each event once it is durable. */
  follow(listener: (event: Event) => void): () => void;
}
