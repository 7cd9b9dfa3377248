/**
 * A view: a table held in memory and kept right by a watch, so that what is looked up at every request costs
 * no read. In a keeper of this process it is up to date before the commit that changed it answers.
 */
import { isKeywardError } from "../base/errors.ts";
import type { Revision, Store, Watch, WatchBatch } from "./store.ts";
import type { Table } from "./table.ts";

export interface View<T> {
  /** Settles once the view holds all rows. Before that it is empty. */
  readonly ready: Promise<void>;
  get(id: string): T | undefined;
  /** In no order. */
  values(): IterableIterator<T>;
  readonly size: number;
  close(): void;
}

export interface ViewOptions<T, V> {
  /** What to keep of a row; `null`: nothing. By default the whole row. */
  readonly project?: (row: T) => V | null;
  /** Told of each change after it is in the view; `null`: not in it any more. Also told of each row at the start. */
  readonly onChange?: (id: string, value: V | null) => void;
}

const PAGE = 1000;

export function openView<T, V = T>(store: Store, table: Table<T>, options: ViewOptions<T, V> = {}): View<V> {
  const project = options.project ?? ((row: T) => row as unknown as V);
  const rows = new Map<string, V>();
  /** While it loads: the revision of each row. */
  let modified: Map<string, Revision> | null = new Map();
  let watch: Watch | null = null;
  let closed = false;

  function set(id: string, row: T | null, at: Revision): void {
    // A watch that catches up may tell of states older than the row that was read.
    if (at < (modified?.get(id) ?? 0)) return;
    if (row === null) modified?.delete(id);
    else modified?.set(id, at);
    const value = row === null ? null : project(row);
    if (value !== null) rows.set(id, value);
    else if (!rows.delete(id)) return;
    options.onChange?.(id, value);
  }

  function apply({ revision, changes }: WatchBatch): void {
    for (const change of changes) {
      const key = change.kind === "put" ? change.record.key : change.key;
      const row = change.kind === "put" ? table.decode(key, change.record.value) : null;
      set(key.slice(table.prefix.length), row, revision);
    }
  }

  async function load(): Promise<void> {
    const since = await store.revision();
    for (let after = ""; ; ) {
      const page = await store.range({ prefix: table.prefix, after, limit: PAGE });
      for (const { key, value, modified: at } of page) {
        set(key.slice(table.prefix.length), table.decode(key, value), at);
      }
      if (page.length < PAGE) break;
      after = page.at(-1)?.key ?? after;
    }
    if (closed) return;
    watch = store.watch(table.prefix, since, apply);
    await watch.caughtUp;
    modified = null;
  }

  /** When more was deleted meanwhile than the store keeps, start over. */
  async function start(): Promise<void> {
    for (;;) {
      try {
        return await load();
      } catch (error) {
        if (!isKeywardError(error, "compacted")) throw error;
        rows.clear();
        modified?.clear();
      }
    }
  }

  const ready = start();
  ready.catch(() => {});
  return {
    ready,
    get: (id) => rows.get(id),
    values: () => rows.values(),
    get size() {
      return rows.size;
    },
    close() {
      closed = true;
      watch?.close();
    },
  };
}
