/**
 * Opened values: a key that goes to 1,000 nodes at once is opened once. A value is kept while bundles are being
 * made and at most for a second, and only as long as the key's record stays what it was.
 */
import { toBase64 } from "../base/bytes.ts";
import type { Clock } from "../base/time.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { keys } from "../records/records.ts";
import type { RootKey } from "../seal/root-key.ts";
import type { Transaction } from "../store/store.ts";
import type { OpenVersion } from "./bundle.ts";

export interface Opened {
  /** Keep values while this runs. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** The value in base64. @throws what `openVersion` throws. */
  base64(tx: Transaction, name: KeyName, version: VersionNumber): Promise<string>;
}

interface Kept {
  /** The key's record when it was opened. */
  readonly record: Uint8Array;
  readonly value: string;
  readonly at: number;
}

const KEEP_MS = 1000;
/** Characters of base64 in all. */
const MAX_KEPT = 8_388_608;

export function createOpened(needs: { openVersion: OpenVersion; clock: Clock; rootKey: RootKey }): Opened {
  const { openVersion, clock, rootKey } = needs;
  const kept = new Map<string, Kept>();
  let size = 0;
  let running = 0;

  function clear(): void {
    kept.clear();
    size = 0;
  }
  rootKey.onSeal(clear);

  function keep(id: string, record: Uint8Array, value: string): void {
    if (size + value.length > MAX_KEPT) clear();
    size += value.length - (kept.get(id)?.value.length ?? 0);
    kept.set(id, { record, value, at: clock() });
  }

  return {
    async during(work) {
      running++;
      try {
        return await work();
      } finally {
        running--;
        if (running === 0) clear();
      }
    },
    async base64(tx, name, version) {
      const id = `${name}@${version}`;
      const record = await tx.get(keys.keyOf(name));
      const before = kept.get(id);
      if (before !== undefined && record !== null && isFresh(before, record, clock())) return before.value;
      using opened = await openVersion(tx, name, version);
      const value = toBase64(opened.reveal());
      if (record !== null) keep(id, record, value);
      return value;
    },
  };
}

function isFresh({ record, at }: Kept, now: Uint8Array, time: number): boolean {
  return Math.abs(time - at) < KEEP_MS && Buffer.compare(record, now) === 0;
}
