/**
 * A table: one kind of record under one prefix, written as canonical JSON. It carries the type from the
 * place that writes to the places that read.
 */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { assertReadable, canonicalJson, type JsonLimits, parseJson } from "../base/json.ts";
import { MAX_VALUE_SIZE } from "./key.ts";
import type { Transaction } from "./store.ts";

export interface Table<T> {
  /** Ends with a slash. */
  readonly prefix: string;
  keyOf(id: string): string;
  /** @throws KeywardError `integrity` when the record is not one of this table, or bears another id. */
  decode(key: string, bytes: Uint8Array): T;
  get(tx: Transaction, id: string): Promise<T | null>;
  /** In order of id; `under` narrows to ids that begin with it. */
  list(tx: Transaction, page?: { under?: string; after?: string; limit?: number }): Promise<T[]>;
  /** @throws KeywardError `too-large` for a row that could not be read again. */
  put(tx: Transaction, row: T): void;
  delete(tx: Transaction, id: string): void;
}

/**
 * Held when a row is written, too: one that could not be read would end the server that reads it, and each one
 * that starts after it. Deeper and fuller than anything that a request brings.
 */
const limits: JsonLimits = { size: MAX_VALUE_SIZE, depth: 48, count: 400_000 };

/**
 * @param prefix - Ends with a slash; no other table's prefix begins with it.
 * @param idOf - The row's own id: checked on reading, so that a record moved to another key is found out.
 */
export function createTable<T>(prefix: string, idOf: (row: T) => string): Table<T> {
  const keyOf = (id: string): string => prefix + id;
  const decode = (key: string, bytes: Uint8Array): T => {
    const row = parseJson(fromUtf8(bytes, `record ${key}`), `record ${key}`, limits) as T;
    if (typeof row !== "object" || row === null || keyOf(idOf(row)) !== key) {
      throw new KeywardError("integrity", `record ${key}: belongs to another key`, {
        hint: "restore the store from a backup",
      });
    }
    return row;
  };
  return {
    prefix,
    keyOf,
    decode,
    async get(tx, id) {
      const bytes = await tx.get(keyOf(id));
      return bytes === null ? null : decode(keyOf(id), bytes);
    },
    async list(tx, page = {}) {
      const records = await tx.range({
        prefix: keyOf(page.under ?? ""),
        ...(page.after === undefined ? {} : { after: keyOf(page.after) }),
        ...(page.limit === undefined ? {} : { limit: page.limit }),
      });
      return records.map((record) => decode(record.key, record.value));
    },
    put(tx, row) {
      const key = keyOf(idOf(row));
      const text = canonicalJson(row);
      assertReadable(row, text, `record ${key}`, limits);
      tx.put(key, utf8(text));
    },
    delete(tx, id) {
      tx.delete(keyOf(id));
    },
  };
}
