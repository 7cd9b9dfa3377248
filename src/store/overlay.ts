/**
 * Overlay: what the acts of one group see. Below lies the store, read through once a key; above it the
 * writes of the acts that went before, and on top those of the act that runs now.
 */
import { KeywardError } from "../base/errors.ts";
import { assertKey, assertValue, type Bounds, boundsOf, compareKeys } from "./key.ts";
import type { Commit, RangeQuery, Revision, Store, Transaction, Write } from "./store.ts";

interface Base {
  /** `null`: absent. */
  readonly value: Uint8Array | null;
  readonly modified: Revision | 0;
}

/** Key to value; `null`: deleted. */
type Writes = Map<string, Uint8Array | null>;

export interface Overlay {
  /** The transaction of the next act. Exactly one of `keep` and `drop` ends it. */
  begin(): { readonly tx: Transaction; keep(): void; drop(): void };
  /** Bytes of all values kept so far. */
  size(): number;
  /** All that was kept, guarded by all that was read. */
  toCommit(): Commit;
}

/** @param asOf - The store's revision, asked for before anything else. */
export function createOverlay(store: Store, asOf: Revision): Overlay {
  const base = new Map<string, Base>();
  const kept: Writes = new Map();
  let size = 0;

  async function read(key: string): Promise<Uint8Array | null> {
    const known = base.get(key);
    if (known !== undefined) return known.value;
    const record = await store.get(key);
    base.set(key, record ?? { value: null, modified: 0 });
    return record?.value ?? null;
  }

  async function range(query: RangeQuery, above: Writes): Promise<[string, Uint8Array][]> {
    const bounds = boundsOf(query);
    const written = [...above].filter(([key]) => isWithin(key, bounds));
    const records = await store.range(widened(query, written));
    for (const record of records) if (!base.has(record.key)) base.set(record.key, record);
    const seen = new Map(records.map(({ key }) => [key, base.get(key)?.value ?? null]));
    for (const [key, value] of written) seen.set(key, value);
    return ordered(seen, query);
  }

  function keep(own: Writes): void {
    for (const [key, value] of own) {
      size += (value?.byteLength ?? 0) - (kept.get(key)?.byteLength ?? 0);
      kept.set(key, value);
    }
  }

  return {
    begin() {
      const own: Writes = new Map();
      let ended = false;
      const assertRunning = (): void => {
        if (ended) throw new KeywardError("internal", "a transaction was used after its act had ended");
      };
      const tx: Transaction = {
        async get(key) {
          assertRunning();
          const written = own.get(key) ?? (own.has(key) ? null : kept.get(key));
          const value = written === undefined ? await read(key) : written;
          return value === null ? null : new Uint8Array(value);
        },
        async range(query) {
          assertRunning();
          const found = await range(query, new Map([...kept, ...own]));
          return found.map(([key, value]) => ({ key, value: new Uint8Array(value) }));
        },
        put(key, value) {
          assertRunning();
          assertKey(key);
          assertValue(key, value);
          own.set(key, new Uint8Array(value));
        },
        delete(key) {
          assertRunning();
          assertKey(key);
          own.set(key, null);
        },
      };
      const end = (keepIt: boolean): void => {
        ended = true;
        if (keepIt) keep(own);
      };
      return { tx, keep: () => end(true), drop: () => end(false) };
    },
    size: () => size,
    toCommit: () => ({
      asOf,
      compare: Array.from(base, ([key, { modified }]) => ({ key, modified })),
      write: Array.from(kept, ([key, value]): Write => {
        return value === null ? { kind: "delete", key } : { kind: "put", key, value };
      }),
    }),
  };
}

function isWithin(key: string, { from, to }: Bounds): boolean {
  return compareKeys(key, from) >= 0 && (to === null || compareKeys(key, to) < 0);
}

/** Each key deleted above may hide one record below: ask for that many more. */
function widened(query: RangeQuery, written: readonly [string, Uint8Array | null][]): RangeQuery {
  if (query.limit === undefined) return query;
  return { ...query, limit: query.limit + written.filter(([, value]) => value === null).length };
}

function ordered(seen: ReadonlyMap<string, Uint8Array | null>, query: RangeQuery): [string, Uint8Array][] {
  const found: [string, Uint8Array][] = [];
  for (const [key, value] of seen) if (value !== null) found.push([key, value]);
  const sign = query.reverse === true ? -1 : 1;
  return found.sort(([a], [b]) => sign * compareKeys(a, b)).slice(0, query.limit);
}
