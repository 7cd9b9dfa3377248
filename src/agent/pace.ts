/**
 * Pace: how often the agent asks. Whatever goes wrong, no agent asks more than once a second, and many agents
 * that lost the same server do not come back at the same moment.
 */
import { fraction, type Random } from "../crypto/random.ts";

/** Ends after that many milliseconds, or as soon as the signal says so; it never throws. */
export type Wait = (ms: number, signal?: AbortSignal) => Promise<void>;

export const systemWait: Wait = (ms, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    // A longer one would overflow and end at once.
    const timer = setTimeout(done, Math.min(Math.max(0, ms), 2_147_483_647));
    signal?.addEventListener("abort", done, { once: true });
  });

/** A little over a second: what leaves here a second apart may arrive closer. */
export const SPACING_MS = 1050;

export interface Pace {
  /** Wait for one's turn to ask: turns are `SPACING_MS` apart, in the order of the calls. */
  turn(): Promise<void>;
}

/** @param signal - Ends all waiting. */
export function createPace(wait: Wait, signal: AbortSignal): Pace {
  let free: Promise<void> = Promise.resolve();
  return {
    turn() {
      const mine = free;
      free = mine.then(() => wait(SPACING_MS, signal));
      return mine;
    },
  };
}

export interface Backoff {
  /** Milliseconds to wait before the next attempt. */
  next(): number;
  /** It worked. */
  reset(): void;
}

/** Exponential with full jitter: anything from nothing to the bound, which doubles up to `most`. */
export function createBackoff(random: Random, least = 1000, most = 60_000): Backoff {
  let bound = least;
  return {
    next() {
      const delay = fraction(random) * bound;
      bound = Math.min(most, bound * 2);
      return delay;
    },
    reset() {
      bound = least;
    },
  };
}
