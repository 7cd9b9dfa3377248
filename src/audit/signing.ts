/**
 * Signing: puts a signed head behind the chain. An Ed25519 signature takes longer than the whole rest of an
 * event (53 µs against 6 µs), so it is not made for each event but once in `every` milliseconds when there
 * are new events, at the end, and on demand. Until then the newest events are chained but not signed.
 *
 * Before it signs, it holds the newest signed head against the store: a chain that was rewritten below it
 * gets no new signature.
 */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson, parseJson } from "../base/json.ts";
import type { Transact, Transaction } from "../store/store.ts";
import { type Checkpoint, isCheckpoint, isSigned, type Signer, signHead } from "./checkpoint.ts";
import { eventKey, parseEvent } from "./event-line.ts";
import { type Head, readHead } from "./head.ts";

export const SIGNED_KEY = "audit-signed";

export interface Signing {
  /** There is a new event: sign soon. */
  due(): void;
  /**
   * Sign the head now, unless it is signed already.
   *
   * @returns The newest signed head; `null` while sealed or when there is no event.
   * @throws KeywardError `integrity` when the log no longer holds what was signed.
   */
  sign(): Promise<Checkpoint | null>;
  /** Sign what is left and stop. */
  close(): Promise<void>;
}

export interface SigningNeeds {
  readonly transact: Transact;
  readonly signer: Signer;
  /** Milliseconds. */
  readonly every: number;
  /** Told when a signature was refused, or could not be written. */
  readonly onProblem: (error: unknown) => void;
}

/** @throws KeywardError `integrity` */
export async function readSigned(from: Pick<Transaction, "get">): Promise<Checkpoint | null> {
  const bytes = await from.get(SIGNED_KEY);
  if (bytes === null) return null;
  const signed: unknown = parseJson(fromUtf8(bytes, SIGNED_KEY), SIGNED_KEY);
  if (!isCheckpoint(signed)) throw broken(`record ${SIGNED_KEY}: not a signed head`);
  return signed;
}

export function createSigning({ transact, signer, every, onProblem }: SigningNeeds): Signing {
  let timer: NodeJS.Timeout | null = null;
  /** The newest that this process made: the store must not know less. */
  let own: Checkpoint | null = null;

  async function signIn(tx: Transaction): Promise<Checkpoint | null> {
    const kept = await readSigned(tx);
    const head = await readHead(tx);
    for (const signed of [kept, own]) if (signed !== null) await assertHolds(tx, head, signed);
    if (kept?.seq === head.seq || head.seq === 0) return kept;
    const signed = signHead(head, signer);
    if (signed !== null) tx.put(SIGNED_KEY, utf8(canonicalJson(signed)));
    return signed;
  }

  async function sign(): Promise<Checkpoint | null> {
    const signed = await transact(signIn);
    if (signed !== null) own = signed;
    return signed;
  }

  return {
    sign,
    due() {
      timer ??= setTimeout(() => {
        timer = null;
        sign().catch(onProblem);
      }, every).unref();
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      await sign().catch(onProblem);
    },
  };
}

/** @throws KeywardError `integrity` */
async function assertHolds(tx: Transaction, head: Head, signed: Checkpoint): Promise<void> {
  const bytes = await tx.get(eventKey(signed.seq));
  if (!isSigned(signed)) throw broken(`record ${SIGNED_KEY}: the signature does not fit`);
  const what = `event ${signed.seq}`;
  if (bytes === null || head.seq < signed.seq) throw broken(`${what} was signed and is missing`);
  if (parseEvent(fromUtf8(bytes, what), what).hash !== signed.hash)
    throw broken(`${what} was signed and is another now`);
}

function broken(message: string): KeywardError {
  return new KeywardError("integrity", message, { hint: "run: keyward audit verify" });
}
