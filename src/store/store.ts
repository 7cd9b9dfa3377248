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
  /** 1 to 2,048 bytes of UTF-8, without NUL (`key.ts`). */
  readonly key: string;
  /** 4 MiB at most. */
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
  /**
   * When given: every comparison was read at this revision or later. A keeper whose newest commit is still
   * this one need not look again.
   */
  readonly asOf?: Revision;
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
   * Write all or nothing, durably: once this answers, the write survives `kill -9` and power loss. The bytes
   * written are copied, those read are the reader's own.
   *
   * @returns The new revision, or `null` when a comparison failed; then nothing was written. A commit that
   *   changes nothing (no writes, or deletions of absent keys) makes no revision: the newest is returned.
   * @throws KeywardError `local` when the disk refuses (full, read-only); then nothing was written.
   *   `integrity` when a record concerned is damaged. `too-large` over a limit of `key.ts`.
   */
  commit(commit: Commit): Promise<Revision | null>;

  /**
   * Be told of every commit after `since` that changed a key under `prefix`, in order. A resumed watch may
   * leave out states that were overwritten before it began, never the newest state of a key. The listener
   * has been called when the `commit` that caused it answers. It must not throw, nor write to the bytes that
   * it is given: other listeners get the same.
   *
   * @param since - 0 for everything. To follow a reading: the revision asked for *before* it.
   * @throws KeywardError `compacted` when `since` lies before what is kept (`keepTombstones`), or after the
   *   newest commit (another store, or an older backup of this one): read again, then watch from there.
   */
  watch(prefix: string, since: Revision, listener: (batch: WatchBatch) => void): Watch;

  /** Waits for commits under way, and ends all watches. What is asked of the store afterwards is refused. */
  close(): Promise<void>;
}

/**
 * What an act sees: reads see the act's own writes and those of the acts grouped before it. `put` copies; what
 * is read is the reader's own. Not to be used once the act has ended.
 */
export interface Transaction {
  get(key: string): Promise<Uint8Array | null>;
  range(query: RangeQuery): Promise<{ key: string; value: Uint8Array }[]>;
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
}

/**
 * Run an act as one transaction. Acts that arrive while a commit is under way share the next commit (and
 * its fsync). An act that throws writes nothing and does not disturb its neighbours. An act may run more
 * than once (when another server wrote first), so it must have no effect but through the transaction. Acts
 * run one after another, so an act waits for nothing slow: no network, no other act.
 *
 * What is compared at the commit: every record that the group read, by `get` (absence too) and by `range`.
 * A key that another *server* adds to a range between its reading and the commit is not noticed: an act that
 * must exclude that also reads and writes a record which stands for the range.
 *
 * @returns What `work` returned, once the commit is durable.
 * @throws What `work` threw; what the commit threw, to all who shared it; KeywardError `conflict` when other
 *   servers kept writing first.
 */
export type Transact = <T>(work: (tx: Transaction) => Promise<T> | T) => Promise<T>;
