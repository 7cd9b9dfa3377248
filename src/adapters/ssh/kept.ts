/** Kept: connections left open after a push, so that the next one to the same node, soon after, needs no login. */
export interface Kept<T> {
  /** From now on what is given is kept. Before it, and after `stop`, nothing is. */
  start(): void;
  /** Whoever takes it closes it or gives it back. */
  take(place: string): T | null;
  /** @returns `false` when it is not kept: it is the caller's to close. */
  give(place: string, one: T): boolean;
  /** Closes all. */
  stop(): void;
}

export interface Keepable {
  /** When it was made, as `performance.now` says. */
  readonly since: number;
  close(): void;
}

export interface Keeping {
  /** No further one is kept beyond so many: to let the oldest go would close each before its turn comes. */
  readonly most: number;
  readonly idleMs: number;
  /** However often it is used: who is let in no more is to find it out. */
  readonly oldMs: number;
}

export function createKept<T extends Keepable>({ most, idleMs, oldMs }: Keeping): Kept<T> {
  const idle = new Map<string, { readonly one: T; readonly timer: NodeJS.Timeout }>();
  let keeps = false;

  function take(place: string): T | null {
    const found = idle.get(place);
    if (found === undefined) return null;
    clearTimeout(found.timer);
    idle.delete(place);
    return found.one;
  }

  return {
    start() {
      keeps = true;
    },
    take,
    give(place, one) {
      if (!keeps || idle.size >= most || idle.has(place)) return false;
      if (performance.now() - one.since >= oldMs) return false;
      const timer = setTimeout(() => take(place)?.close(), idleMs);
      timer.unref();
      idle.set(place, { one, timer });
      return true;
    },
    stop() {
      keeps = false;
      for (const place of [...idle.keys()]) take(place)?.close();
    },
  };
}
