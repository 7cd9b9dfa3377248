/**
 * Pusher: which nodes are due, how many are pushed to at once, and which are down. One push a node at a time; a node that
 * fails waits longer each time and delays nobody.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Clock, DurationMs } from "../base/time.ts";
import { fraction, type Random } from "../crypto/random.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { NodeName } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import type { PushDriver, PushSettings } from "../model/push.ts";
import type { ConnectHost, RemoteHost } from "../model/remote-host.ts";
import { nodes, type PushRow } from "../records/records.ts";
import type { Transact } from "../store/store.ts";
import type { Login } from "./login.ts";
import { clearNode, type PushOutcome, pushNode } from "./push-node.ts";
import { createPushed } from "./pushed.ts";

export interface PushRun {
  readonly node: NodeName;
  readonly outcome: PushOutcome | { readonly kind: "cleared"; readonly withdrawn: number } | null;
  /** Set when it failed; `outcome` is `null` then. */
  readonly error: KeywardError | null;
}

export interface Pusher {
  /**
   * Push to these nodes now, also to those that are thought to be down. A node that is being pushed to already is
   * waited for, and pushed to again.
   *
   * @param concurrency - At once; 256 at most.
   */
  run(names: readonly NodeName[], options: PushOptions, done: (run: PushRun) => void): Promise<void>;
  /** Look at all again: after an unseal. */
  resume(): void;
  /** Push by itself from now on: at changes, and each node as often as it says. */
  start(): void;
  /** Ends what runs by itself, and waits for what is under way. */
  stop(): Promise<void>;
}

export interface PushOptions {
  readonly concurrency?: number | undefined;
  readonly deadline?: DurationMs | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PusherNeeds {
  readonly fleet: Fleet;
  readonly transact: Transact;
  readonly login: Login;
  /** Loaded when it is first wanted. */
  readonly connect: (driver: PushDriver) => Promise<ConnectHost>;
  readonly clock: Clock;
  readonly random: Random;
  readonly onFailure: (node: NodeName, error: KeywardError) => void;
}

export const MAX_CONCURRENCY = 256;
const DEFAULT_CONCURRENCY = 64;
const DEADLINE = 30_000 as DurationMs;
const HOOK_LIMIT = 60_000 as DurationMs;
/** Between two attempts at a node that is down. */
const LEAST_PAUSE = 5000;
const MOST_PAUSE = 600_000;
/** Between two looks at who is due. */
const TICK = 1000;

interface Standing {
  /** When it is due next by its own clock. */
  due: number;
  failures: number;
  /** Something has changed since it was pushed to last. */
  changed: boolean;
}

export function createPusher(needs: PusherNeeds): Pusher {
  const { fleet, transact, login, connect, clock, random, onFailure } = needs;
  const pushed = createPushed(needs);
  const parts = { fleet, pushed, random, hookLimit: HOOK_LIMIT };
  const under = new Map<NodeName, Promise<unknown>>();
  const standings = new Map<NodeName, Standing>();
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  let running = 0;

  async function reach<T>(
    settings: PushSettings,
    deadline: DurationMs,
    use: (host: RemoteHost) => Promise<T>,
  ): Promise<T> {
    const host = await (await connect(settings.driver))(
      settings.target,
      await login.loginFor(settings),
      deadline,
    );
    try {
      return await use(host);
    } finally {
      host.close();
    }
  }

  /** A node that is revoked or forgotten is cleared of what was pushed to it; one that is frozen keeps what it has. */
  async function act(name: NodeName, deadline: DurationMs): Promise<PushRun["outcome"]> {
    const node: Node | null = await transact((tx) => nodes.get(tx, name));
    const settings = node?.push;
    const row = await pushed.load(name);
    if (settings !== undefined && node?.state === "active") {
      if (row !== null && !isSameHost(row.settings, settings)) await leave(name, row, deadline);
      return await reach(settings, deadline, (host) => pushNode(parts, name, settings, host));
    }
    if (row === null || (node !== null && node.state !== "revoked")) return null;
    const withdrawn = await reach(settings ?? row.settings, deadline, (host) =>
      clearNode(pushed, name, row, host),
    );
    return { kind: "cleared", withdrawn };
  }

  /** It is another machine now. The one before may be gone for good, so that it does not hold up the new one. */
  async function leave(name: NodeName, row: PushRow, deadline: DurationMs): Promise<void> {
    try {
      await reach(row.settings, deadline, (host) => clearNode(pushed, name, row, host));
    } catch (error) {
      onFailure(name, asError(error));
      await pushed.forget(name);
    }
  }

  /** One at a time for a node. */
  async function push(name: NodeName, deadline = DEADLINE): Promise<PushRun> {
    for (const end = clock() + deadline; under.has(name); ) {
      if (clock() >= end) return { node: name, outcome: null, error: busy(name) };
      await Promise.race([under.get(name), sleep(end - clock(), undefined, { ref: false })]);
    }
    const standing = standings.get(name);
    if (standing !== undefined) standing.changed = false;
    const acting = act(name, deadline).then(
      (outcome): PushRun => ({ node: name, outcome, error: null }),
      (error: unknown): PushRun => ({ node: name, outcome: null, error: asError(error) }),
    );
    under.set(name, acting);
    try {
      const run = await acting;
      settle(name, run);
      return run;
    } finally {
      under.delete(name);
    }
  }

  function settle(name: NodeName, { error }: PushRun): void {
    const standing = standings.get(name);
    if (standing === undefined) return;
    standing.failures = error === null ? 0 : standing.failures + 1;
    standing.due = clock() + untilNext(name, standing);
    if (error !== null) onFailure(name, error);
  }

  /** Random, so that those that fail together do not come again together; soon, where something changed meanwhile. */
  function untilNext(name: NodeName, { failures, changed }: Standing): number {
    if (failures === 0) return everyOf(name) * (0.9 + 0.2 * fraction(random));
    const most = Math.min(MOST_PAUSE, LEAST_PAUSE * 2 ** (failures - 1));
    return (changed && failures === 1 ? TICK : most) * (0.5 + fraction(random));
  }

  const intervals = new Map<NodeName, number>();
  function everyOf(name: NodeName): number {
    return intervals.get(name) ?? 3_600_000;
  }

  /** Looks at the settings of nodes that it did not know, at most once for each change. */
  async function meet(names: readonly NodeName[]): Promise<void> {
    for (const name of names) {
      const node = await transact((tx) => nodes.get(tx, name));
      if (node?.push !== undefined) intervals.set(name, node.push.every);
      const standing = standings.get(name) ?? { due: 0, failures: 0, changed: true };
      standings.set(name, { ...standing, changed: true });
    }
    tick();
  }

  /** A change is pushed at once, but to a node that is down only when its pause is over. */
  function tick(): void {
    if (stopped) return;
    const now = clock();
    for (const [name, standing] of standings) {
      if (running >= DEFAULT_CONCURRENCY) return;
      const isDue = standing.due <= now || (standing.changed && standing.failures === 0);
      if (!isDue || under.has(name)) continue;
      running++;
      void push(name)
        .then(({ outcome, error }) => {
          if (outcome === null && error === null) forget(name);
        })
        .finally(() => {
          running--;
          tick();
        });
    }
  }

  /** Neither settings nor anything left there: not ours any more. */
  function forget(name: NodeName): void {
    standings.delete(name);
    intervals.delete(name);
  }

  let stopListening = (): void => {};
  return {
    async run(names, { concurrency = DEFAULT_CONCURRENCY, deadline = DEADLINE, signal }, done) {
      const left = [...names];
      const worker = async (): Promise<void> => {
        for (let name = left.shift(); name !== undefined && signal?.aborted !== true; name = left.shift())
          done(await push(name, deadline));
      };
      const count = Math.min(Math.max(1, concurrency), MAX_CONCURRENCY, names.length);
      await Promise.all(Array.from({ length: count }, worker));
    },
    resume: () => void meet(fleet.pushed()).catch(() => {}),
    start() {
      stopListening = fleet.onPush((names) => void meet(names).catch(() => {}));
      void meet(fleet.pushed()).catch(() => {});
      timer = setInterval(tick, TICK);
      timer.unref();
    },
    async stop() {
      stopped = true;
      stopListening();
      if (timer !== null) clearInterval(timer);
      await Promise.allSettled([...under.values()]);
    },
  };
}

function isSameHost(a: PushSettings, b: PushSettings): boolean {
  return (
    a.target.address === b.target.address && a.target.port === b.target.port && a.directory === b.directory
  );
}

function busy(name: NodeName): KeywardError {
  return new KeywardError("busy", `node ${name}: another push to it is under way`, {
    hint: "it is pushed to by itself; try again in a while",
  });
}

function asError(error: unknown): KeywardError {
  if (isKeywardError(error)) return error;
  return new KeywardError("internal", "push: failed", { cause: error });
}
