/**
 * Replays: requests that were answered, remembered for a while. A client draws a new nonce for each request, so one
 * that comes twice was recorded by somebody.
 *
 * A request with a time is taken only near that time, and only if it was made after this began to remember: so it is
 * never answered twice, across a restart either, as far as clocks agree. One without (the original's clients send none)
 * is remembered for ten minutes at least, but not across a restart.
 */
import { KeywardError } from "../base/errors.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import { sha256 } from "../crypto/hash.ts";
import type { PublicKey } from "../formats/secretary/keys.ts";

export interface Replays {
  /**
   * Remember a request.
   *
   * @throws KeywardError `conflict` when it was here before, or its time is not now.
   */
  take(request: Taken): void;
}

export interface Taken {
  readonly deploy: PublicKey;
  /** Of its outer layer. */
  readonly nonce: Uint8Array;
  readonly timestamp?: UnixMs;
}

export interface ReplaysNeeds {
  readonly clock: Clock;
  /** Refuse requests without a time. */
  readonly requireTime?: boolean;
  /** Requests remembered in one span; a span that is full ends early. */
  readonly most?: number;
}

/** Each request is remembered for one span at least, and two at most. */
const SPAN_MS = 600_000;
/** How old a request may be. */
const PAST_MS = 300_000;
/** How far another's clock may be ahead of ours. */
const AHEAD_MS = 60_000;
const MOST = 250_000;

export function createReplays({ clock, requireTime = false, most = MOST }: ReplaysNeeds): Replays {
  const began = clock();
  let since = began;
  let current = new Set<string>();
  let before = new Set<string>();

  function turn(now: UnixMs): void {
    if (now - since < SPAN_MS && current.size < most) return;
    before = current;
    current = new Set();
    since = now;
  }

  function assertTime(timestamp: UnixMs | undefined, now: UnixMs): void {
    if (timestamp === undefined) {
      if (requireTime) throw new KeywardError("conflict", "the request has no time, which is required here");
      return;
    }
    const isNow = timestamp >= now - PAST_MS && timestamp <= now + AHEAD_MS;
    if (!isNow || timestamp < began)
      throw new KeywardError("conflict", "the request is from another time", {
        hint: "check both clocks; a request from before the daemon's start is made anew",
      });
  }

  return {
    take({ deploy, nonce, timestamp }) {
      const now = clock();
      assertTime(timestamp, now);
      turn(now);
      const name = Buffer.from(sha256(deploy, nonce).subarray(0, 16)).toString("latin1");
      if (current.has(name) || before.has(name))
        throw new KeywardError("conflict", "the request was answered before");
      current.add(name);
    },
  };
}
