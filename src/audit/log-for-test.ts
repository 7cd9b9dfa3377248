/** A journal over a store in memory, with what tests of it share. */
import { generateKeyPairSync, sign } from "node:crypto";
import type { UnixMs } from "../base/time.ts";
import type { Principal } from "../model/principal.ts";
import { openMemory } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import { type AuditLog, createJournal } from "./journal.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const rawKey = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));

export const alice: Principal = {
  kind: "operator",
  name: "alice",
  rules: [{ name: "db", allow: [{ actions: ["key:read", "key:write"], prefix: "db/" }] }],
};
export const read = { by: alice, action: "key:read", resource: "db/x" } as const;
export const write = { by: alice, action: "key:write", resource: "db/x" } as const;
export const note = {
  by: "system:server",
  action: "server:start",
  resource: "server",
  outcome: "ok",
} as const;

export interface LogBench {
  readonly store: Store;
  readonly log: AuditLog;
  sealed: boolean;
  /** What `onProblem` was told. */
  readonly problems: unknown[];
  /** Another server's journal on the same store. */
  second(signEvery?: number): AuditLog;
  /** That many reads. */
  append(count: number): Promise<void>;
  /** Beside the journal, as a tamperer would; `null` removes. */
  overwrite(key: string, value: Uint8Array | null | undefined): Promise<void>;
}

export function openLog(store: Store = openMemory()): LogBench {
  const problems: unknown[] = [];
  const state = { sealed: false };
  const signer = {
    sign: (bytes: Uint8Array) => (bench.sealed ? null : new Uint8Array(sign(null, bytes, privateKey))),
    publicKey: rawKey,
  };
  const second = (signEvery = 60_000): AuditLog =>
    createJournal({
      transact: createTransact(store),
      store,
      clock: () => 1000 as UnixMs,
      signer,
      signEvery,
      onProblem: (problem) => problems.push(problem),
    });
  const log = second();
  const bench: LogBench = Object.assign(state, {
    store,
    log,
    problems,
    second,
    async append(count: number) {
      for (let i = 0; i < count; i++) await log.act(read, () => null);
    },
    async overwrite(key: string, value: Uint8Array | null | undefined) {
      const gone = value === null || value === undefined;
      await store.commit({
        compare: [],
        write: [gone ? { kind: "delete", key } : { kind: "put", key, value }],
      });
    },
  });
  return bench;
}

export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
