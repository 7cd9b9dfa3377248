/**
 * The head: where the chain ends. `audit-head` holds the newest event's number and hash, and is rewritten
 * with each event; `audit-signed` holds the newest signed head, a checkpoint. Both are canonical JSON.
 */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import type { UnixMs } from "../base/time.ts";
import type { Transaction } from "../store/store.ts";
import { eventKey, NO_EVENT, sealEvent, type Unhashed } from "./event-line.ts";

export const HEAD_KEY = "audit-head";

export interface Head {
  /** 0 when there is no event. */
  readonly seq: number;
  readonly hash: string;
  readonly at: UnixMs;
}

export const noHead: Head = { seq: 0, hash: NO_EVENT, at: 0 as UnixMs };

/** @throws KeywardError `integrity` */
export function decodeHead(bytes: Uint8Array): Head {
  const head = parseJson(fromUtf8(bytes, HEAD_KEY), HEAD_KEY) as unknown as Head;
  if (!Number.isSafeInteger(head.seq) || !/^[0-9a-f]{64}$/.test(head.hash)) {
    throw new KeywardError("integrity", `record ${HEAD_KEY}: not the head of an audit log`, {
      hint: "restore the store from a backup",
    });
  }
  return head;
}

export async function readHead(tx: Pick<Transaction, "get">): Promise<Head> {
  const bytes = await tx.get(HEAD_KEY);
  return bytes === null ? noHead : decodeHead(bytes);
}

/** Append events after the head that this transaction sees; the chain lives in the store, never in memory. */
export async function append(
  tx: Transaction,
  events: readonly Omit<Unhashed, "seq" | "previous">[],
): Promise<void> {
  let head = await readHead(tx);
  for (const event of events) {
    const seq = head.seq + 1;
    const { hash, line } = sealEvent({ ...event, seq, previous: head.hash });
    tx.put(eventKey(seq), utf8(line));
    head = { seq, hash, at: event.at };
  }
  tx.put(HEAD_KEY, utf8(`{"at":${head.at},"hash":"${head.hash}","seq":${head.seq}}`));
}
