/** Flag: raised by one who has news, waited for by one who takes them; raising it twice is raising it once. */
export interface Flag {
  raise(): void;
  lower(): void;
  /** Once it is up, or `false` when the signal ends the waiting. */
  raised(signal: AbortSignal): Promise<boolean>;
}

export function createFlag(): Flag {
  let up = false;
  let waiting: (() => void)[] = [];
  return {
    raise() {
      up = true;
      const awake = waiting;
      waiting = [];
      for (const wake of awake) wake();
    },
    lower() {
      up = false;
    },
    raised: (signal) =>
      new Promise((resolve) => {
        if (up || signal.aborted) return resolve(!signal.aborted);
        const wake = (): void => {
          signal.removeEventListener("abort", wake);
          resolve(!signal.aborted);
        };
        waiting.push(wake);
        signal.addEventListener("abort", wake, { once: true });
      }),
  };
}
