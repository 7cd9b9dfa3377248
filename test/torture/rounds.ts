/**
 * Torture: start a program that writes, kill it with SIGKILL at a random moment, and check that what it
 * acknowledged is there. What the program is and how its writes are checked is handed in: `store.ts` tortures
 * the SQLite store alone.
 */
import { setTimeout as wait } from "node:timers/promises";

export interface TortureChild<Ack> {
  /** Settles at the first acknowledged write; rejects when the child ends by itself. */
  readonly ready: Promise<void>;
  /**
   * SIGKILL it, and wait until it is gone.
   *
   * @returns Every write that it acknowledged.
   * @throws When it had ended by itself.
   */
  kill(): Promise<Ack[]>;
}

export interface Torture<Ack> {
  readonly rounds: number;
  startChild(round: number): TortureChild<Ack>;
  /** Look at what the child left. @throws When an acknowledged write is missing, or an act is torn. */
  verify(acknowledged: readonly Ack[], round: number): Promise<void>;
  /** 0 to 1, exclusive. */
  readonly random?: () => number;
  /** Milliseconds that a child may write, at most. */
  readonly life?: number;
  readonly onRound?: (done: { rounds: number; acknowledged: number }) => void;
}

/** In each such round a second child is killed while it starts, so that recovery is interrupted too. */
const TWICE_EVERY = 5;
/** Milliseconds. */
const START = 200;

/** @returns How many writes were acknowledged, all of which were found. */
export async function tortureRounds<Ack>(torture: Torture<Ack>): Promise<number> {
  const { rounds, startChild, verify, random = Math.random, life = 400, onRound } = torture;
  let acknowledged = 0;
  for (let round = 1; round <= rounds; round++) {
    const child = startChild(round);
    await child.ready;
    await wait(random() * life);
    const acks = await child.kill();
    if (round % TWICE_EVERY === 0) {
      const second = startChild(round);
      await wait(random() * START);
      acks.push(...(await second.kill()));
    }
    await verify(acks, round);
    acknowledged += acks.length;
    onRound?.({ rounds: round, acknowledged });
  }
  return acknowledged;
}
