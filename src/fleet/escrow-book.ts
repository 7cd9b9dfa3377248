/**
 * Escrow book: which recovery keys the server has the sealed shares of, in memory, kept current from the store's
 * `escrows/`. The shares themselves stay in the store.
 */
import { canonicalJson } from "../base/json.ts";
import type { UnixMs } from "../base/time.ts";
import type { UnlockDelivery, VolumeName } from "../model/volume.ts";
import type { EscrowRow } from "../records/records.ts";
import type { NodeHash } from "./ledger.ts";

/** What a node is told: the newest recovery key, and whether it is to make another. */
export interface RecoveryState {
  /** 0 when there was none yet. */
  readonly generation: number;
  /** Names the key, as its shares do. */
  readonly id?: string;
  readonly uuid?: string;
  readonly made?: UnixMs;
  readonly due?: true;
}

export type EscrowFacts = Omit<EscrowRow, "sealed">;

export interface EscrowBook {
  get(node: NodeHash, volume: VolumeName): EscrowFacts | undefined;
  put(row: EscrowRow): void;
  /** @param id - HASH/VOLUME. */
  remove(id: string): void;
  clear(): void;
  /** Called when a node's is another one, or an operator wants another one. */
  onChange(listener: (node: NodeHash) => void): void;
}

export function createEscrowBook(): EscrowBook {
  const rows = new Map<string, EscrowFacts>();
  const listeners = new Set<(node: NodeHash) => void>();
  return {
    get: (node, volume) => rows.get(`${node}/${volume}`),
    put({ sealed: _, ...facts }) {
      const id = `${facts.node}/${facts.volume}`;
      const before = rows.get(id);
      rows.set(id, facts);
      if (facts.renew === before?.renew && facts.generation === before?.generation) return;
      for (const listener of listeners) listener(facts.node as NodeHash);
    },
    remove: (id) => void rows.delete(id),
    clear: () => rows.clear(),
    onChange: (listener) => void listeners.add(listener),
  };
}

/** @returns `null` when the grant names no holders. */
export function recoveryOf({ escrow }: UnlockDelivery, row: EscrowFacts | undefined): RecoveryState | null {
  if (escrow?.holders === undefined) return null;
  if (row === undefined) return { generation: 0, due: true };
  const { generation, id, uuid, made, threshold, holders, renew } = row;
  const text = canonicalJson({ threshold, holders } as never);
  const same = text === canonicalJson({ threshold: escrow.threshold, holders: escrow.holders } as never);
  return { generation, id, uuid, made, ...(same && renew === undefined ? {} : { due: true as const }) };
}
