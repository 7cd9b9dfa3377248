/** Heartbeat: one timer for many members, each visited once a turn, a share of them at each tick. */

export interface Wheel<T> {
  add(member: T): void;
  remove(member: T): void;
  /** @param last - What becomes of those that are still there. */
  stop(last?: (member: T) => void): void;
}

const SPOKES = 25;

export function createWheel<T>(turnMs: number, visit: (member: T) => void): Wheel<T> {
  const spokes = Array.from({ length: SPOKES }, () => new Set<T>());
  let next = 0;
  let at = 0;
  const timer = setInterval(() => {
    at = (at + 1) % SPOKES;
    for (const member of spokes[at] ?? []) visit(member);
  }, turnMs / SPOKES);
  timer.unref();
  return {
    add(member) {
      next = (next + 1) % SPOKES;
      spokes[next]?.add(member);
    },
    remove(member) {
      for (const spoke of spokes) if (spoke.delete(member)) return;
    },
    stop(last = () => {}) {
      clearInterval(timer);
      for (const member of spokes.flatMap((spoke) => [...spoke])) last(member);
    },
  };
}
