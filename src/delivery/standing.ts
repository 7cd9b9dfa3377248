/** Standing: how a node was when it was pushed to last, and when it is its turn again. */
import type { ErrorCode } from "../base/errors.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { fraction, type Random } from "../crypto/random.ts";
import { DEFAULT_PUSH_EVERY } from "../model/push.ts";

export interface LastPush {
  readonly at: UnixMs;
  /** What became of it, or the code of the error. */
  readonly outcome: "delivered" | "unchanged" | ErrorCode;
  /** Why, where it failed. */
  readonly message?: string;
  /** When the node answered and all went well, if ever: the time of this one, unless it failed. */
  readonly reached?: UnixMs;
}

export interface Standing {
  /** When it is its turn though nothing has changed. */
  due: number;
  /** One after the other. */
  failures: number;
  /** Something has changed since it was pushed to last. */
  changed: boolean;
  every: DurationMs;
  /** What was written is written anew when `every` is over, so that it must be over then. */
  redistribute: boolean;
  /** How it was to be reached the last time, as text to compare. */
  tried?: string;
  last?: LastPush;
}

/** Between two attempts at a node that is down. */
const LEAST_PAUSE = 5000;
const MOST_PAUSE = 600_000;
const SOON = 1000;

export function newStanding(): Standing {
  return { due: 0, failures: 0, changed: false, every: DEFAULT_PUSH_EVERY, redistribute: false };
}

/** A change is pushed at once, but to a node that is down only when its pause is over. */
export function isDue({ due, changed, failures }: Standing, now: number): boolean {
  return due <= now || (changed && failures === 0);
}

/** When it is its turn again. */
export function nextOf({ due, changed, failures }: Standing, now: UnixMs): UnixMs {
  return (changed && failures === 0 ? now : due) as UnixMs;
}

/**
 * Random, so that those that fail together do not come again together; soon, where something changed while it failed for
 * the first time.
 *
 * @returns Milliseconds.
 */
export function untilNext({ failures, changed, every, redistribute }: Standing, random: Random): number {
  if (failures === 0 && redistribute) return Math.round(every * (1 + 0.1 * fraction(random)));
  if (failures === 0) return Math.round(every * (0.9 + 0.2 * fraction(random)));
  const most = Math.min(MOST_PAUSE, LEAST_PAUSE * 2 ** (failures - 1));
  return Math.round((changed && failures === 1 ? SOON : most) * (0.5 + fraction(random)));
}
