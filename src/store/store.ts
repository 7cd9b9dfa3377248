/**
 * Store: what keeps records. The contract has etcd's semantics, so that one suite (`contract.ts`) runs
 * against every keeper: revisioned keys, range reads, a transaction that compares and writes, and a watch
 * that resumes from a revision. It knows nothing of what the records mean and sees no plain secret.
 *
 * Acts do not use `commit` themselves: they run in `transact` (`transaction.ts`), which groups concurrent
 * acts into one commit.
 */

/** Counts commits, from 1. A store without a commit is at revision 0. */
export type Revision = number & { readonly unit: "revision" };

export interface StoreRecord {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision that created the key since it was last absent. */
  readonly created: Revision;
  /** The revision that last wrote it. */
  readonly modified: Revision;
}

export interface RangeQuery {
  /** Keys that begin with this. */
  readonly prefix: string;
  /** Only keys after this one (before it, when reversed): for paging. */
  readonly after?: string;
  /** At most this many. */
  readonly limit?: number;
  readonly reverse?: boolean;
}

export type Write =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: string };

export interface Commit {
  /** Each key must have been last modified at this revision; 0: must be absent. */
  readonly compare: readonly { readonly key: string; readonly modified: Revision | 0 }[];
  /** At most one write for a key. */
  readonly write: readonly Write[];
}

/** What one commit changed under the watched prefix. */
export interface WatchBatch {
  readonly revision: Revision;
  readonly changes: readonly (
    | { readonly kind: "put"; readonly record: StoreRecord }
    | { readonly kind: "delete"; readonly key: string }
  )[];
}

export interface Watch {
  /** Settles once everything up to the revision at the time of the call has been given to the listener. */
  readonly caughtUp: Promise<void>;
  close(): void;
}

export interface Store {
  /** The revision of the newest commit. */
  revision(): Promise<Revision>;

  get(key: string): Promise<StoreRecord | null>;

  /** In the order of the keys' UTF-8 bytes. */
  range(query: RangeQuery): Promise<StoreRecord[]>;

  /**
   * Write all or nothing, durably: once this answers, the write survives `kill -9` and power loss.
   *
   * @returns The new revision, or `null` when a comparison failed; then nothing was written.
   * @throws KeywardError `local` when the disk refuses (full, read-only); then nothing was written.
   */
  commit(commit: Commit): Promise<Revision | null>;

  /**
   * Be told of every commit after `since` that changed a key under `prefix`, in order. A resumed watch may
   * leave out states that were overwritten before it began, never the newest state of a key. The listener
   * has been called when the `commit` that caused it answers.
   *
   * @throws KeywardError `compacted` when `since` lies before what is kept: read again, then watch from there.
   */
  watch(prefix: string, since: Revision, listener: (batch: WatchBatch) => void): Watch;

  /** Waits for commits under way. */
  close(): Promise<void>;
}

/** What an act sees: reads see the act's own writes and those of the acts grouped before it. */
export interface Transaction {
  get(key: string): Promise<Uint8Array | null>;
  range(query: RangeQuery): Promise<{ key: string; value: Uint8Array }[]>;
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
}

/**
 * Run an act as one transaction. Acts that arrive while a commit is under way share the next commit (and
 * its fsync). An act that throws writes nothing and does not disturb its neighbours. An act may run more
 * than once (when another server wrote first), so it must have no effect but through the transaction.
 *
 * @returns What `work` returned, once the commit is durable.
 */
export type Transact = <T>(work: (tx: Transaction) => Promise<T> | T) => Promise<T>;
