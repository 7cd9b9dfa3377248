/**
 * Following: Marathon's own stream of events says when answers are out of date, where it has one that we may read. It is
 * opened once answers are used a second time, and costs nothing before.
 */
import type { Marathon } from "../adapters/marathon/marathon.ts";

export interface Following {
  /** Begin, unless it has begun. */
  start(): void;
  stop(): void;
}

export interface FollowingNeeds {
  readonly marathon: Pick<Marathon, "follow">;
  readonly onChange: () => void;
  /** Between a stream's end and the next try: it doubles from the first to the last while there is none. */
  readonly retryMs?: { readonly first: number; readonly last: number };
}

const RETRY_MS = { first: 1000, last: 300_000 };

export function createFollowing({ marathon, onChange, retryMs = RETRY_MS }: FollowingNeeds): Following {
  const ending = new AbortController();
  let started = false;

  async function follow(): Promise<void> {
    let wait = retryMs.first;
    const opened = (): void => {
      wait = retryMs.first;
      onChange();
    };
    while (!ending.signal.aborted) {
      // there may be no such stream, or not for us: the second that an answer is kept is what holds then
      await marathon.follow(opened, onChange, ending.signal).catch(() => {});
      await pause(wait, ending.signal);
      wait = Math.min(wait * 2, retryMs.last);
    }
  }

  return {
    start() {
      if (started) return;
      started = true;
      void follow();
    },
    stop: () => ending.abort(),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    const timer = setTimeout(end, ms);
    timer.unref();
    signal.addEventListener("abort", end, { once: true });
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
  });
}
