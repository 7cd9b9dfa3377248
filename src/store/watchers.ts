/**
 * Watchers: who is told of commits, for keepers that live in this process. A new watcher first catches up
 * from the keeper's change log, in pages, then hears each commit as it happens; nothing falls between.
 *
 * Catching up begins in a microtask of its own and never waits, so it ends before any commit made after
 * `watch` answers.
 */
import { KeywardError } from "../base/errors.ts";
import type { Revision, Watch, WatchBatch } from "./store.ts";

export type Change = WatchBatch["changes"][number];

export interface ChangePage {
  /** In order of revision, whole revisions only. */
  readonly changes: readonly { readonly revision: Revision; readonly change: Change }[];
  /** The page covers everything up to here. */
  readonly reached: Revision;
}

/** What a keeper offers, so that watchers can catch up. */
export interface ChangeLog {
  newest(): Revision;
  /** Deletions up to this revision are forgotten. */
  compacted(): Revision;
  /** The next page of changes after a revision that is older than the newest. */
  page(prefix: string, after: Revision): ChangePage;
}

export interface Watchers {
  watch(prefix: string, since: Revision, listener: (batch: WatchBatch) => void): Watch;
  /** Tell everyone of a commit that is durable now. */
  announce(batch: WatchBatch): void;
  /** End all watches. */
  close(): void;
}

interface Watcher {
  readonly prefix: string;
  readonly listener: (batch: WatchBatch) => void;
  /** Everything up to here has been given to the listener. */
  at: Revision;
}

export function createWatchers(log: ChangeLog): Watchers {
  /** Those that are behind are in `open` only; `live` ones hear of commits as they happen. */
  const open = new Set<Watcher>();
  const live = new Set<Watcher>();
  const queue: WatchBatch[] = [];
  let announcing = false;

  function close(watcher: Watcher): void {
    open.delete(watcher);
    live.delete(watcher);
  }

  function catchUp(watcher: Watcher): void {
    while (open.has(watcher) && watcher.at < log.newest()) {
      const page = log.page(watcher.prefix, watcher.at);
      for (const batch of batchesOf(page)) {
        if (open.has(watcher)) tell(watcher, batch);
      }
      watcher.at = page.reached;
    }
    if (open.has(watcher)) live.add(watcher);
  }

  function tellAll(batch: WatchBatch): void {
    for (const watcher of live) {
      if (batch.revision <= watcher.at) continue;
      watcher.at = batch.revision;
      const changes = batch.changes.filter((change) => keyOf(change).startsWith(watcher.prefix));
      if (changes.length > 0) tell(watcher, { revision: batch.revision, changes });
    }
  }

  return {
    watch(prefix, since, listener) {
      assertKept(since, log);
      const watcher: Watcher = { prefix, listener, at: since };
      open.add(watcher);
      const caughtUp = Promise.resolve().then(() => catchUp(watcher));
      return { caughtUp, close: () => close(watcher) };
    },
    announce(batch) {
      // A listener may commit: its batch waits here, so that everyone hears both in the same order.
      queue.push(batch);
      if (announcing) return;
      announcing = true;
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) tellAll(next);
      announcing = false;
    },
    close() {
      open.clear();
      live.clear();
    },
  };
}

function keyOf(change: Change): string {
  return change.kind === "put" ? change.record.key : change.key;
}

/** A listener that throws is a bug, and must not undo or delay a commit: it surfaces on its own. */
function tell(watcher: Watcher, batch: WatchBatch): void {
  try {
    watcher.listener(batch);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function* batchesOf(page: ChangePage): Generator<WatchBatch> {
  let changes: Change[] = [];
  for (const [index, { revision, change }] of page.changes.entries()) {
    changes.push(change);
    if (page.changes[index + 1]?.revision === revision) continue;
    yield { revision, changes };
    changes = [];
  }
}

function assertKept(since: Revision, log: ChangeLog): void {
  if (since >= log.compacted() && since <= log.newest()) return;
  throw new KeywardError("compacted", `watch: the changes since revision ${since} are not kept`, {
    hint: "read the records again, then watch from the revision before the reading",
  });
}
