/** The keeper in memory: for tests, and for anything that need not outlive the process. */
import { KeywardError } from "../base/errors.ts";
import { assertCommit, boundsOf, compareKeys } from "./key.ts";
import type { Commit, RangeQuery, Revision, Store, StoreRecord, Write } from "./store.ts";
import { type Change, type ChangePage, createWatchers } from "./watchers.ts";

interface Tombstone {
  readonly key: string;
  readonly revision: Revision;
}

/** @param options - `keepTombstones`: a watch can resume across this many deletions. */
export function openMemory(options: { keepTombstones?: number } = {}): Store {
  const { keepTombstones = 10_000 } = options;
  const records = new Map<string, StoreRecord>();
  /** The keys of `records`, in order. */
  const keys: string[] = [];
  const tombstones: Tombstone[] = [];
  let newest = 0 as Revision;
  let compacted = 0 as Revision;
  let closed = false;
  const watchers = createWatchers({ newest: () => newest, compacted: () => compacted, page });

  /** Where a key is, or would be. */
  function position(key: string): number {
    let low = 0;
    for (let high = keys.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (compareKeys(keys[middle] ?? "", key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function put(key: string, value: Uint8Array): Change {
    const created = records.get(key)?.created ?? newest;
    if (created === newest) keys.splice(position(key), 0, key);
    const record = { key, value: new Uint8Array(value), created, modified: newest };
    records.set(key, record);
    return { kind: "put", record };
  }

  function remove(key: string): Change {
    records.delete(key);
    keys.splice(position(key), 1);
    tombstones.push({ key, revision: newest });
    return { kind: "delete", key };
  }

  function write(writes: readonly Write[]): Revision {
    const effective = writes.filter((one) => one.kind === "put" || records.has(one.key));
    if (effective.length === 0) return newest;
    newest = (newest + 1) as Revision;
    const changes = effective.map((one) => (one.kind === "put" ? put(one.key, one.value) : remove(one.key)));
    const forgotten = tombstones.splice(0, Math.max(0, tombstones.length - keepTombstones));
    compacted = forgotten.at(-1)?.revision ?? compacted;
    const revision = newest;
    watchers.announce({ revision, changes });
    return revision;
  }

  function page(prefix: string, after: Revision): ChangePage {
    const puts = [...records.values()]
      .filter((record) => record.modified > after && record.key.startsWith(prefix))
      .map((record) => ({ revision: record.modified, change: { kind: "put", record } as const }));
    const deletes = tombstones
      .filter(({ key, revision }) => revision > after && key.startsWith(prefix))
      .map(({ key, revision }) => ({ revision, change: { kind: "delete", key } as const }));
    return { changes: [...puts, ...deletes].sort((a, b) => a.revision - b.revision), reached: newest };
  }

  function select(query: RangeQuery): StoreRecord[] {
    const { from, to } = boundsOf(query);
    const { limit = Number.POSITIVE_INFINITY, reverse = false } = query;
    const first = position(from);
    const end = Math.max(first, to === null ? keys.length : position(to));
    const found = reverse
      ? keys.slice(Math.max(first, end - limit), end).reverse()
      : keys.slice(first, Math.min(end, first + limit));
    return found.flatMap((key) => records.get(key) ?? []);
  }

  function assertOpen(): void {
    if (closed) throw new KeywardError("internal", "the store is closed");
  }

  return {
    async revision() {
      assertOpen();
      return newest;
    },
    async get(key) {
      assertOpen();
      const record = records.get(key);
      return record === undefined ? null : copyOf(record);
    },
    async range(query) {
      assertOpen();
      return select(query).map(copyOf);
    },
    async commit(commit: Commit) {
      assertOpen();
      assertCommit(commit);
      // `asOf` would save nothing here: a comparison is one look into a map.
      const asCompared = commit.compare.every(
        ({ key, modified }) => (records.get(key)?.modified ?? 0) === modified,
      );
      return asCompared ? write(commit.write) : null;
    },
    watch(prefix, since, listener) {
      assertOpen();
      return watchers.watch(prefix, since, listener);
    },
    async close() {
      closed = true;
      watchers.close();
    },
  };
}

/** So that a caller who changes or wipes what it read does not change what is kept. */
function copyOf(record: StoreRecord): StoreRecord {
  return { ...record, value: new Uint8Array(record.value) };
}
