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

export interface ViewOptions<T> {
  /** Told of each change after it is in the view; `null`: deleted. Also told of each row at the start. */
  readonly onChange?: (id: string, row: T | null) => void;
}

const PAGE = 1000;

export function openView<T>(store: Store, table: Table<T>, options: ViewOptions<T> = {}): View<T> {
  const rows = new Map<string, T>();
  const modified = new Map<string, Revision>();
  let watch: Watch | null = null;
  let closed = false;

  function set(id: string, row: T | null, at: Revision): void {
    // A watch that catches up may tell of states older than the row that was read.
    if (at < (modified.get(id) ?? 0)) return;
    if (row === null) {
      rows.delete(id);
      modified.delete(id);
    } else {
      rows.set(id, row);
      modified.set(id, at);
    }
    options.onChange?.(id, row);
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
  }

  /** When more was deleted meanwhile than the store keeps, start over. */
  async function start(): Promise<void> {
    for (;;) {
      try {
        return await load();
      } catch (error) {
        if (!isKeywardError(error, "compacted")) throw error;
        rows.clear();
        modified.clear();
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
