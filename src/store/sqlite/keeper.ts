/**
 * Keeper: the store over an open database. SQLite answers in the calling thread, so nothing happens between
 * the parts of one call; the promises are the contract's.
 */
import type { DatabaseSync } from "node:sqlite";
import { KeywardError } from "../../base/errors.ts";
import { assertCommit, boundsOf } from "../key.ts";
import type { Commit, RangeQuery, Revision, Store, StoreRecord, Write } from "../store.ts";
import { createWatchers } from "../watchers.ts";
import { createCache } from "./cache.ts";
import { pageOfChanges } from "./changes.ts";
import { asFault } from "./faults.ts";
import type { StoreFiles } from "./files.ts";
import type { DirectoryLock } from "./lock.ts";
import type { Mark } from "./mark.ts";
import { type CheckedRecord, type State, toRecord, toState } from "./row.ts";
import { prepare, upperBound } from "./schema.ts";
import { type Step, write } from "./writer.ts";

export interface KeeperParts {
  readonly files: StoreFiles;
  readonly database: DatabaseSync;
  readonly mark: Mark;
  readonly lock: DirectoryLock;
  readonly keepTombstones: number;
  readonly cacheSize: number;
}

export function createKeeper(parts: KeeperParts): Store {
  const { files, database, mark, lock, keepTombstones, cacheSize } = parts;
  const place = files.database;
  const statements = prepare(database);
  const writer = { database, statements, keepTombstones };
  const cache = createCache(cacheSize);
  let state: State = toState(statements.state.get(), place);
  let closed = false;
  // Now, so that the disk has given it room before it is needed.
  mark.write(state.revision);
  const watchers = createWatchers({
    newest: () => state.revision,
    compacted: () => state.compacted,
    page: (prefix, after) =>
      guarded(() => pageOfChanges(statements, place, { prefix, after, newest: state.revision })),
  });

  function guarded<T>(work: () => T): T {
    if (closed) throw new KeywardError("internal", "the store is closed");
    try {
      return work();
    } catch (error) {
      throw asFault(error, files.directory);
    }
  }

  function read(key: string): CheckedRecord | null {
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const row = statements.get.get(key);
    if (row === undefined) return null;
    const checked = toRecord(row, place);
    cache.set(checked);
    return checked;
  }

  function select(query: RangeQuery): StoreRecord[] {
    const { from, to } = boundsOf(query);
    const statement = query.reverse === true ? statements.descending : statements.ascending;
    return statement.all(from, upperBound(to), query.limit ?? -1).map((row) => toRecord(row, place).record);
  }

  function isAsCompared({ compare, asOf }: Commit): boolean {
    if (asOf === state.revision) return true;
    return compare.every(({ key, modified }) => (read(key)?.record.modified ?? 0) === modified);
  }

  function stepsOf(writes: readonly Write[]): Step[] {
    const steps = writes.map((one) => ({ ...one, before: read(one.key) }));
    return steps.filter((step) => step.kind === "put" || step.before !== null);
  }

  function commit(wanted: Commit): Revision | null {
    assertCommit(wanted);
    if (!isAsCompared(wanted)) return null;
    const steps = stepsOf(wanted.write);
    if (steps.length === 0) return state.revision;
    const written = write(writer, state, steps);
    state = written.state;
    mark.write(state.revision);
    for (const step of steps) cache.delete(step.key);
    for (const checked of written.records) cache.set(checked);
    const { revision } = state;
    watchers.announce({ revision, changes: written.changes });
    return revision;
  }

  return {
    revision: async () => guarded(() => state.revision),
    get: async (key) => {
      const checked = guarded(() => read(key));
      return checked === null ? null : { ...checked.record, value: new Uint8Array(checked.record.value) };
    },
    range: async (query) => guarded(() => select(query)),
    commit: async (wanted) => guarded(() => commit(wanted)),
    watch: (prefix, since, listener) => guarded(() => watchers.watch(prefix, since, listener)),
    close: async () => {
      if (closed) return;
      watchers.close();
      guarded(() => database.close());
      closed = true;
      mark.close();
      lock.release();
    },
  };
}
