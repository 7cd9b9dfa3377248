/**
 * Transact over any store: group commit. Acts gather while a commit is under way, or until the event loop
 * has handled all input that was ready; then a leader runs them one after another over one overlay, commits
 * once, and answers all.
 */
import { KeywardError } from "../base/errors.ts";
import { createOverlay, type Overlay } from "./overlay.ts";
import type { Store, Transact, Transaction } from "./store.ts";

interface Job {
  readonly work: (tx: Transaction) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Settles its job, once the group's commit has gone through. */
type Answer = () => void;

export interface TransactOptions {
  /** Acts that share a commit, at most. */
  maxGroup?: number;
  /** Bytes of values in one commit; one act alone may pass it. */
  maxSize?: number;
  /** Times that a group is run before `conflict`. */
  attempts?: number;
  /** Milliseconds before the second attempt, doubled for each one after it, and varied by `random`. */
  backOff?: number;
  /** 0 to 1, exclusive. */
  random?: () => number;
}

export function createTransact(store: Store, options: TransactOptions = {}): Transact {
  const { maxGroup = 256, maxSize = 4_194_304, attempts = 10, backOff = 2, random = Math.random } = options;
  const waiting: Job[] = [];
  let leading = false;

  /** Run the jobs at the head of the queue, those that join meanwhile included. They stay in the queue. */
  async function runGroup(overlay: Overlay, answers: Answer[]): Promise<void> {
    while (answers.length < maxGroup && overlay.size() < maxSize) {
      const job = waiting[answers.length];
      if (job === undefined) return;
      answers.push(await runJob(job, overlay));
    }
  }

  /** @throws KeywardError `conflict` when another writer came first each time; whatever the store throws. */
  async function commitGroup(answers: Answer[]): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) await pause(backOff * 2 ** (attempt - 1) * (0.5 + random()));
      answers.length = 0;
      const overlay = createOverlay(store, await store.revision());
      await runGroup(overlay, answers);
      if ((await store.commit(overlay.toCommit())) !== null) return;
    }
    throw new KeywardError("conflict", `another writer came first, ${attempts} times in a row`, {
      hint: "try again",
    });
  }

  async function serveGroup(): Promise<void> {
    const answers: Answer[] = [];
    try {
      await commitGroup(answers);
      waiting.splice(0, answers.length);
      for (const answer of answers) answer();
    } catch (error) {
      for (const job of waiting.splice(0, Math.max(1, answers.length))) job.reject(error);
    }
  }

  async function lead(): Promise<void> {
    while (waiting.length > 0) {
      await inputHandled();
      await serveGroup();
    }
    leading = false;
  }

  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      if (leading) return;
      leading = true;
      void lead();
    });
}

async function runJob({ work, resolve, reject }: Job, overlay: Overlay): Promise<Answer> {
  const act = overlay.begin();
  try {
    const value = await work(act.tx);
    act.keep();
    return () => resolve(value);
  } catch (error) {
    act.drop();
    return () => reject(error);
  }
}

/** Settles once the event loop has been round its input: requests that are ready join this group. */
function inputHandled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
