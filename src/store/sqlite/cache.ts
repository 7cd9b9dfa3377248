/**
 * Cache: records read or written lately, those used longest ago dropped first. The process owns the store
 * alone, so what is here is what is there.
 */
import type { CheckedRecord } from "./row.ts";

export interface Cache {
  get(key: string): CheckedRecord | undefined;
  set(checked: CheckedRecord): void;
  delete(key: string): void;
}

/** A record's own cost in memory, about. */
const OVERHEAD = 200;

/** @param limit - Bytes, about. A record larger than a hundredth of it is not kept. */
export function createCache(limit: number): Cache {
  /** In order of use: a `Map` keeps the order of insertion. */
  const records = new Map<string, CheckedRecord>();
  let size = 0;

  const sizeOf = ({ record }: CheckedRecord): number =>
    OVERHEAD + record.key.length + record.value.byteLength;

  function remove(key: string): void {
    const record = records.get(key);
    if (record === undefined) return;
    records.delete(key);
    size -= sizeOf(record);
  }

  return {
    get(key) {
      const record = records.get(key);
      if (record === undefined) return undefined;
      records.delete(key);
      records.set(key, record);
      return record;
    },
    set(checked) {
      const { key } = checked.record;
      remove(key);
      if (sizeOf(checked) > limit / 100) return;
      records.set(key, checked);
      size += sizeOf(checked);
      for (const oldest of records.keys()) {
        if (size <= limit) break;
        remove(oldest);
      }
    },
    delete: remove,
  };
}
