/** Time that stands still until a test moves it. */

import type { Wait } from "../../src/agent/pace.ts";
import type { Clock, UnixMs } from "../../src/base/time.ts";

export interface HeldTime {
  readonly clock: Clock;
  readonly wait: Wait;
  /** Let everything happen that is due by then, in order. */
  advance(ms: number): Promise<void>;
  /** Let what is under way go as far as it can without time. */
  settle(): Promise<void>;
}

export function holdTime(start = 1_795_000_000_000): HeldTime {
  let now = start;
  let sleepers: { at: number; wake: () => void }[] = [];

  async function settle(): Promise<void> {
    for (let i = 0; i < 25; i++) await new Promise(setImmediate);
  }

  return {
    clock: () => now as UnixMs,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const wake = (): void => {
          sleepers = sleepers.filter((one) => one !== sleeper);
          resolve();
        };
        const sleeper = { at: now + Math.ceil(Math.max(0, ms)), wake };
        sleepers.push(sleeper);
        signal?.addEventListener("abort", wake, { once: true });
      }),
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const next = sleepers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        now = Math.max(now, next.at);
        next.wake();
        await settle();
      }
      now = end;
      await settle();
    },
    settle,
  };
}
