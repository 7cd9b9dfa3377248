/**
 * Journal: makes the one door that every act goes through. Permission first; then the work, its event and
 * the head of the chain in one transaction. A denial, and a failure that smells of tampering, has an event
 * of its own.
 */
import { type ErrorCode, isKeywardError, KeywardError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { Event, Outcome } from "../model/event.ts";
import { printable } from "../model/name.ts";
import { formatPrincipal, permits } from "../model/principal.ts";
import type { Store, Transact, Transaction } from "../store/store.ts";
import type { Act, Detail, Journal } from "./audit.ts";
import type { Checkpoint, Signer } from "./checkpoint.ts";
import { append } from "./head.ts";
import { createReading, type Reading } from "./reading.ts";
import { createSigning } from "./signing.ts";

export interface JournalNeeds {
  readonly transact: Transact;
  /** For reading and following; every write goes through `transact`. */
  readonly store: Store;
  readonly clock: Clock;
  readonly signer: Signer;
  /** Milliseconds between signatures of the head while events come in: 1,000 by default. */
  readonly signEvery?: number;
  /** Told when the head could not be signed: the log was tampered with, or the disk refuses. */
  readonly onProblem?: (error: unknown) => void;
}

export interface AuditLog extends Journal, Omit<Reading, keyof Journal | "close"> {
  /**
   * A signed statement of the newest event, to keep elsewhere.
   *
   * @throws KeywardError `sealed`; `not-found` when there is no event; `integrity` when the log no longer
   *   holds what was signed before.
   */
  checkpoint(): Promise<Checkpoint>;
  /** Sign the head and end all following. */
  close(): Promise<void>;
}

type Draft = Pick<Event, "at" | "by" | "action" | "resource" | "outcome" | "detail">;

export function createJournal(needs: JournalNeeds): AuditLog {
  const { transact, store, clock, signer, signEvery = 1000, onProblem = () => {} } = needs;
  const signing = createSigning({ transact, signer, every: signEvery, onProblem });
  const reading = createReading({ store, signer });

  function draft(act: Act, outcome: Outcome, detail: Detail): Draft {
    const all = { ...detail, ...(act.request !== undefined && { request: act.request }) };
    return {
      at: clock(),
      by: formatPrincipal(act.by),
      action: act.action,
      resource: act.resource,
      outcome,
      ...(Object.keys(all).length > 0 && { detail: all }),
    };
  }

  async function write(events: readonly Draft[]): Promise<void> {
    await transact((tx) => append(tx, events));
    signing.due();
  }

  async function assertPermitted(acts: readonly Act[]): Promise<void> {
    if (acts.length === 0) throw new KeywardError("internal", "an act without a permission to check");
    const refused = acts.filter((act) => !permits(act.by, act.action, act.resource));
    const [first] = refused;
    if (first === undefined) return;
    await write(refused.map((act) => draft(act, "denied", {})));
    throw denial(first);
  }

  async function perform<T>(acts: readonly Act[], work: Work<T>): Promise<T> {
    const value = await transact(async (tx) => {
      const details = acts.map((): Detail => ({}));
      const result = await work(tx, details);
      await append(
        tx,
        acts.map((act, i) => draft(act, "ok", details[i] ?? {})),
      );
      return result;
    });
    signing.due();
    return value;
  }

  /** Work may find a denial too, once it has read what the rules must cover. */
  async function noteFailure(acts: readonly Act[], error: unknown): Promise<void> {
    if (!isKeywardError(error) || !noted.includes(error.code)) return;
    const outcome = error.code === "denied" ? "denied" : "failed";
    await write(acts.map((act) => draft(act, outcome, { error: error.code, reason: error.message })));
  }

  async function actAll<T>(acts: readonly Act[], work: Work<T>): Promise<T> {
    await assertPermitted(acts);
    const dry = acts.some((act) => act.dryRun === true);
    try {
      return await (dry ? rehearse(transact, acts, work) : perform(acts, work));
    } catch (error) {
      await noteFailure(acts, error);
      throw error;
    }
  }

  return {
    ...reading,
    actAll,
    act: (act, work) => actAll([act], (tx, [detail]) => work(tx, detail ?? {})),
    note: (event) => write([{ at: clock(), ...event }]),
    async checkpoint() {
      const signed = await signing.sign();
      if (signed !== null) return signed;
      throw noCheckpoint((await reading.recent(1)).length === 0);
    },
    async close() {
      reading.close();
      await signing.close();
    },
  };
}

const noted: readonly ErrorCode[] = ["denied", "integrity", "wrong-key"];

type Work<T> = (tx: Transaction, details: readonly Detail[]) => Promise<T> | T;

/** Thrown through `transact`, so that nothing of a dry run is kept. */
class Rehearsed<T> {
  readonly value: T;
  constructor(value: T) {
    this.value = value;
  }
}

async function rehearse<T>(transact: Transact, acts: readonly Act[], work: Work<T>): Promise<T> {
  try {
    return await transact(async (tx): Promise<never> => {
      throw new Rehearsed(
        await work(
          tx,
          acts.map(() => ({})),
        ),
      );
    });
  } catch (outcome) {
    if (outcome instanceof Rehearsed) return outcome.value as T;
    throw outcome;
  }
}

function denial({ by, action, resource }: Act): KeywardError {
  const who = formatPrincipal(by);
  const hint =
    by.kind === "operator"
      ? `ask for a rule that allows ${action} on this name, or sign in as someone who has one`
      : "sign in as an operator whose rules allow it";
  return new KeywardError("denied", `${who}: ${action} on ${printable(resource)} is not allowed`, { hint });
}

function noCheckpoint(empty: boolean): KeywardError {
  return empty
    ? new KeywardError("not-found", "the audit log has no event yet")
    : new KeywardError("sealed", "the server is sealed and cannot sign", { hint: "run: keyward unseal" });
}
