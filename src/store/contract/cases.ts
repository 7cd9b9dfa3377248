/** What the suites of the contract share: short ways to write and to read. */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import type { Revision, Store, StoreRecord, WatchBatch, Write } from "../store.ts";

export function put(key: string, value = key): Write {
  return { kind: "put", key, value: utf8(value) };
}

export function remove(key: string): Write {
  return { kind: "delete", key };
}

/** Commit without comparing. */
export async function commit(store: Store, ...write: Write[]): Promise<Revision> {
  const revision = await store.commit({ compare: [], write });
  if (revision === null) throw new Error("a commit without comparisons was refused");
  return revision;
}

/** `key=value@created/modified` */
export function show(record: StoreRecord | null): string {
  if (record === null) return "absent";
  return `${record.key}=${fromUtf8(record.value, "value")}@${record.created}/${record.modified}`;
}

/** `revision: +key=value -key` */
export function showBatch({ revision, changes }: WatchBatch): string {
  const parts = changes.map((change) =>
    change.kind === "put"
      ? `+${change.record.key}=${fromUtf8(change.record.value, "value")}`
      : `-${change.key}`,
  );
  return `${revision}: ${parts.join(" ")}`;
}

/** Keys in the order of their UTF-8 bytes; the order of UTF-16 units has the last three elsewhere. */
export const orderedKeys = [
  "a",
  "a/",
  "a/b",
  "a0",
  "z",
  "é",
  "\ud7ff",
  "\ue000",
  "\uffff",
  "😀",
  "\u{10ffff}",
];
