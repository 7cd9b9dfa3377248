/**
 * The chain, checked from end to end: pure, one event at a time, so that a log of any length passes. Whatever
 * was edited, removed, put in, moved or cut off is a problem with the number of the event where it shows.
 *
 * What the chain alone cannot show is a store that was rewritten as a whole, with new hashes throughout, or
 * cut back together with its head. Signed heads show that: the store's own, and better those kept elsewhere.
 */

import { toBase64 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import type { Event } from "../model/event.ts";
import { type Checkpoint, isSigned } from "./checkpoint.ts";
import { eventKey, hashOf, NO_EVENT, parseEvent } from "./event-line.ts";
import type { Head } from "./head.ts";

export interface Problem {
  /** The event where it shows; 0 when it is not about one event. */
  readonly seq: number;
  readonly what: string;
}

export interface ChainReport {
  /** How many were read. */
  readonly events: number;
  readonly intact: boolean;
  /** A signature of the trusted key vouches for every event up to this one; 0 when a problem lies before it. */
  readonly signed: number;
  /** In the order found, 1,000 at most. */
  readonly problems: readonly Problem[];
}

export interface ChainOptions {
  /** Start after this event instead of at the first: a checkpoint that is trusted. */
  readonly from?: Head;
  /** Ed25519, 32 bytes: signatures by another key are problems. `null`: the key is taken from the statement. */
  readonly publicKey?: Uint8Array | null;
}

export interface ChainCheck {
  /**
   * The next event.
   *
   * @param line - `null`: there is a record that is not even text.
   * @param key - Where the store keeps it; absent for a line of an export.
   */
  event(line: string | null, key?: string): void;
  /** The log must hold this event with this hash: one that comes next or later, or the one read last. */
  expectHead(head: Head, what: string): void;
  /** As `expectHead`, for a statement that is signed. */
  expectSigned(checkpoint: Checkpoint, what: string): void;
  problem(seq: number, what: string): void;
  /** The number of the last event. */
  last(): number;
  end(): ChainReport;
}

interface Expectation {
  readonly head: Head;
  readonly what: string;
  readonly vouches: boolean;
}

const MAX_PROBLEMS = 1000;

export function createChainCheck({ from, publicKey = null }: ChainOptions = {}): ChainCheck {
  const problems: Problem[] = [];
  const expected: Expectation[] = [];
  const start = from?.seq ?? 0;
  let seq = start;
  /** `null` after an event that could not be read. */
  let hash: string | null = from?.hash ?? NO_EVENT;
  let events = 0;
  let vouched = 0;

  function problem(at: number, what: string): void {
    if (problems.length < MAX_PROBLEMS) problems.push({ seq: at, what });
  }

  function unreadable(): void {
    problem(seq + 1, "is not as it was written: edited, or put in");
    seq += 1;
    hash = null;
  }

  /** Does it stand in its place? Answers `false` when it is to be left out of the chain. */
  function follows(event: Event): boolean {
    const next = seq + 1;
    if (event.seq < next) {
      problem(event.seq, `stands after event ${seq}: moved, or put in`);
      return false;
    }
    if (event.seq > next) problem(next, missing(next, event.seq - 1));
    else if (hash !== null && event.previous !== hash) {
      problem(event.seq, `does not follow event ${seq}: one of the two was replaced`);
    }
    return true;
  }

  /** Hold the event that was read last against what is expected of it. */
  function meet({ head, what, vouches }: Expectation): void {
    if (head.seq !== seq || hash === null) return;
    if (head.hash !== hash) problem(seq, `is not the event that ${what} names`);
    else if (vouches && seq > vouched) vouched = seq;
  }

  function expect(expectation: Expectation): void {
    expected.push(expectation);
    meet(expectation);
  }

  function take(event: Event, key: string | undefined): void {
    if (key !== undefined && key !== eventKey(event.seq))
      problem(event.seq, `lies in the wrong place, ${key}`);
    if (hashOf(event) !== event.hash) problem(event.seq, "was edited: its hash does not fit what it says");
    if (!follows(event)) return;
    ({ seq, hash } = event);
    for (const expectation of expected) meet(expectation);
  }

  return {
    problem,
    last: () => seq,
    event(line, key) {
      events += 1;
      const event = line === null ? null : readEvent(line);
      if (event === null) unreadable();
      else take(event, key);
    },
    expectHead(head, what) {
      expect({ head, what, vouches: false });
    },
    expectSigned(checkpoint, what) {
      const trusted = publicKey === null || checkpoint.publicKey === toBase64(publicKey);
      if (!trusted) problem(checkpoint.seq, `${what} is signed by another key`);
      else if (!isSigned(checkpoint)) problem(checkpoint.seq, `${what}: the signature does not fit`);
      else expect({ head: checkpoint, what, vouches: true });
    },
    end() {
      for (const { head, what } of expected) {
        if (head.seq > seq)
          problem(seq + 1, `${missing(seq + 1, head.seq)} at the end: ${what} names event ${head.seq}`);
      }
      const signed = problems.some((one) => one.seq <= vouched) ? 0 : vouched;
      return { events, intact: problems.length === 0, signed, problems };
    },
  };
}

function missing(first: number, last: number): string {
  return first === last ? "is missing" : `and all up to ${last} are missing`;
}

function readEvent(line: string): Event | null {
  try {
    return parseEvent(line, "event");
  } catch (error) {
    if (isKeywardError(error)) return null;
    throw error;
  }
}
