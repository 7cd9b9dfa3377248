/**
 * Watch: one open response a node, which gets a line when what the node should hold has changed. A node that
 * reads slowly gets the newest state when it has caught up, never a backlog; one that does not read is cut off.
 *
 * A line goes out at once when a watch opens, so that a node that was away knows where it stands.
 */
import type { Caller } from "../audit/audit.ts";
import { isKeywardError } from "../base/errors.ts";
import type { Bundle, HeldVersion } from "../fleet/bundle.ts";
import type { Notice } from "../fleet/watching.ts";
import type { NodeName } from "../model/name.ts";
import { createWheel } from "./heartbeat.ts";
import type { Log } from "./log.ts";
import type { Sink, Source } from "./sink.ts";

export interface WatchNeeds {
  /** What a node should hold, with the values that it lacks. Writes the delivery's event. */
  readonly bundleFor: (caller: Caller, held: readonly HeldVersion[]) => Promise<Bundle>;
  /** Told when a commit concerns the node; returns what ends it. */
  readonly changed: (node: NodeName, listener: (notice: Notice) => void) => () => void;
  /** PEM certificates that nodes are to trust from now on. */
  readonly trusted: () => readonly string[];
  /** A node was revoked: its connections end after its last line. */
  readonly onRefused: (node: NodeName) => void;
  readonly onBundle: () => void;
  readonly log: Log;
  /** Between blank lines on a quiet watch. */
  readonly heartbeatMs?: number;
}

export interface Watching {
  readonly node: NodeName;
  /** What it says that it has. */
  readonly held: readonly HeldVersion[];
  /** Rejects when the connection may no longer be used: the certificate has ended, say. */
  readonly again?: (() => Promise<unknown>) | undefined;
}

export interface Watches {
  /** A node has one watch: an older one ends. */
  open(caller: Caller, watching: Watching, sink: Sink): void;
  readonly size: number;
  /** Tell every node its state anew, as when the CAs to trust have changed. */
  refresh(): void;
  /** End all; agents come back when they can. */
  close(): void;
}

/** Bundles made at the same time: they share commits, and their values are in memory meanwhile. */
const MOST_AT_ONCE = 256;

export function createWatches(needs: WatchNeeds): Watches {
  const watchers = new Map<NodeName, Watcher>();
  const wheel = createWheel<Watcher>(needs.heartbeatMs ?? 25_000, (watcher) => watcher.beat());
  const hub: Hub = { forget, wake };
  const due: Watcher[] = [];
  let running = 0;

  function wake(watcher: Watcher): void {
    watcher.dirty = true;
    if (watcher.queued) return;
    watcher.queued = true;
    due.push(watcher);
    run();
  }

  function run(): void {
    while (running < MOST_AT_ONCE) {
      const watcher = due.shift();
      if (watcher === undefined) return;
      watcher.queued = false;
      if (!watcher.isReady()) continue;
      running++;
      void tell(watcher).finally(() => {
        running--;
        if (watcher.dirty) wakeIfReady(watcher);
        run();
      });
    }
  }

  function wakeIfReady(watcher: Watcher): void {
    if (watcher.isReady()) wake(watcher);
  }

  async function tell(watcher: Watcher): Promise<void> {
    watcher.dirty = false;
    watcher.busy = true;
    try {
      const bundle = await needs.bundleFor(watcher.caller, watcher.held);
      if (watcher.over) return;
      watcher.send(bundle, needs.trusted());
      needs.onBundle();
    } catch (error) {
      // whatever it is, the agent hears of it when it asks again
      if (!isKeywardError(error))
        needs.log.error({ node: watcher.node, error: String(error) }, "bundle failed");
      watcher.finish();
    } finally {
      watcher.busy = false;
    }
  }

  function notice(watcher: Watcher, what: Notice): void {
    if (what === "changed") {
      wake(watcher);
      return;
    }
    watcher.sendNothing(needs.trusted());
    needs.onRefused(watcher.node);
  }

  function forget(watcher: Watcher): void {
    wheel.remove(watcher);
    watcher.unfollow();
    if (watchers.get(watcher.node) === watcher) watchers.delete(watcher.node);
  }

  return {
    open(caller, watching, sink) {
      const { node } = watching;
      watchers.get(node)?.finish();
      const watcher = new Watcher(caller, watching, sink, hub);
      watchers.set(node, watcher);
      wheel.add(watcher);
      watcher.unfollow = needs.changed(node, (what) => notice(watcher, what));
      sink.attach(watcher);
      if (!watcher.over) wake(watcher);
    },
    get size() {
      return watchers.size;
    },
    refresh() {
      for (const watcher of watchers.values()) wake(watcher);
    },
    close() {
      wheel.stop();
      for (const watcher of watchers.values()) watcher.finish();
    },
  };
}

/** What all watchers share, so that none keeps functions of its own. */
interface Hub {
  forget(watcher: Watcher): void;
  wake(watcher: Watcher): void;
}

function nothingToEnd(): void {}

/** Heartbeats that a reader may leave unread. */
const PATIENCE = 3;

class Watcher implements Source {
  readonly caller: Caller;
  readonly node: NodeName;
  /** What the node has, as far as it said and was sent. */
  held: readonly HeldVersion[];
  dirty = false;
  busy = false;
  queued = false;
  over = false;
  /** Ends being told of changes. */
  unfollow: () => void = nothingToEnd;
  readonly #sink: Sink;
  readonly #hub: Hub;
  readonly #again: Watching["again"];
  #full = false;
  #missed = 0;

  constructor(caller: Caller, { node, held, again }: Watching, sink: Sink, hub: Hub) {
    this.caller = caller;
    this.node = node;
    this.held = held;
    this.#again = again;
    this.#sink = sink;
    this.#hub = hub;
  }

  isReady(): boolean {
    return !this.busy && !this.over && !this.#full;
  }

  send(bundle: Bundle, ca: readonly string[]): void {
    this.held = bundle.entries.map(({ key, version }) => ({ key, version }));
    this.#write(JSON.stringify({ ...bundle, ca }));
  }

  /** The last line of a node that may hold nothing any more. */
  sendNothing(ca: readonly string[]): void {
    if (this.over) return;
    this.#write(JSON.stringify({ revision: 0, entries: [], challenge: "", ca }));
    this.finish();
  }

  beat(): void {
    if (!this.#full) this.#write("");
    else if (++this.#missed >= PATIENCE) this.#sink.destroy();
    this.#again?.().catch(() => this.finish());
  }

  finish(): void {
    if (this.over) return;
    this.over = true;
    this.#hub.forget(this);
    this.#sink.end();
  }

  drained(): void {
    this.#full = false;
    this.#missed = 0;
    if (this.dirty) this.#hub.wake(this);
  }

  closed(): void {
    this.over = true;
    this.#hub.forget(this);
  }

  #write(line: string): void {
    this.#full = !this.#sink.write(line);
  }
}
