/**
 * Pusher: which nodes are due, how many are pushed to at once, and which are down. One push a node at a time; a node that
 * fails waits longer each time and delays nobody.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Journal } from "../audit/audit.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Clock, DurationMs, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
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
import { isDue, type LastPush, newStanding, nextOf, type Standing, untilNext } from "./standing.ts";

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
  /** Begins nothing more, and waits for what is under way. */
  stop(): Promise<void>;
  /** What came of the last push to a node since this process began; and when the next is due, if it pushes by itself. */
  standing(name: NodeName): { readonly last?: LastPush; readonly next?: UnixMs };
  /** How many nodes failed the last time. */
  down(): number;
}

export interface PushOptions {
  readonly concurrency?: number | undefined;
  readonly deadline?: DurationMs | undefined;
  /** What went out so long ago or longer is written anew, whatever the nodes say. */
  readonly every?: DurationMs | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PusherNeeds {
  readonly fleet: Pick<Fleet, "bundleFor" | "report" | "delivered" | "hashOf" | "pushed" | "onPush">;
  readonly transact: Transact;
  readonly journal: Pick<Journal, "note">;
  readonly login: Pick<Login, "loginFor">;
  /** Loaded when it is first wanted. */
  readonly connect: (driver: PushDriver) => Promise<ConnectHost>;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each, those of `run` among it. */
  readonly onRun: (run: PushRun) => void;
  /** Connections that are left open between pushes, while this pushes by itself. */
  readonly kept?: { start(): void; stop(): void };
}

export const MAX_CONCURRENCY = 256;
const DEFAULT_CONCURRENCY = 64;
const DEADLINE = 30_000 as DurationMs;
const HOOK_LIMIT = 60_000 as DurationMs;
/** Between two looks at who is due. */
const TICK = 1000;

export function createPusher(needs: PusherNeeds): Pusher {
  const { fleet, transact, journal, login, connect, clock, random, onRun, kept } = needs;
  const pushed = createPushed(needs);
  const parts = { fleet, pushed, clock, random, hookLimit: HOOK_LIMIT };
  const under = new Map<NodeName, Promise<unknown>>();
  const standings = new Map<NodeName, Standing>();
  /** Whose turn it is: first come, first served. */
  const queue = new Set<NodeName>();
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  let running = 0;

  async function reach<T>(
    name: NodeName,
    settings: PushSettings,
    deadline: DurationMs,
    use: (host: RemoteHost) => Promise<T>,
  ): Promise<T> {
    const who = await login.loginFor(settings);
    const open = await connect(settings.driver);
    const host = await open(settings.target, who, deadline, name).finally(() => {
      if (who.kind === "key") who.key.wipe();
    });
    try {
      return await use(host);
    } finally {
      host.close();
    }
  }

  /** A node that is revoked or forgotten is cleared of what was pushed to it; one that is frozen keeps what it has. */
  async function act(
    name: NodeName,
    deadline: DurationMs,
    every: DurationMs | undefined,
  ): Promise<PushRun["outcome"]> {
    const [node, row] = await Promise.all([
      transact((tx): Promise<Node | null> => nodes.get(tx, name)),
      pushed.load(name),
    ]);
    const settings = node?.push;
    if (settings !== undefined) {
      const standing = standingOf(name);
      standing.every = settings.every;
      standing.redistribute = settings.redistribute === true;
      standing.tried = JSON.stringify(settings);
    }
    if (settings !== undefined && node?.state === "active") {
      const here = row !== null && isSameHost(row.settings, settings) ? row : null;
      if (row !== null && here === null) await leave(name, row, deadline);
      try {
        return await reach(name, settings, deadline, (host) =>
          pushNode(parts, name, settings, here, host, every),
        );
      } catch (error) {
        // revoked, frozen or forgotten meanwhile: no failure, and its turn comes again
        if (isKeywardError(error, "denied") && !(await isActive(name))) return null;
        throw error;
      }
    }
    if (row === null || (node !== null && node.state !== "revoked")) return null;
    const withdrawn = await reach(name, settings ?? row.settings, deadline, (host) =>
      clearNode(pushed, name, row, host),
    );
    return { kind: "cleared", withdrawn };
  }

  const isActive = async (name: NodeName): Promise<boolean> =>
    (await transact((tx): Promise<Node | null> => nodes.get(tx, name)))?.state === "active";

  /** It is another machine now. The one before may be gone for good, so that it does not hold up the new one. */
  async function leave(name: NodeName, row: PushRow, deadline: DurationMs): Promise<void> {
    try {
      await reach(name, row.settings, deadline, (host) => clearNode(pushed, name, row, host));
    } catch (error) {
      onRun({ node: name, outcome: null, error: asError(error) });
      await pushed.forget(name);
    }
  }

  /** One at a time for a node. */
  async function push(name: NodeName, deadline = DEADLINE, every?: DurationMs): Promise<PushRun> {
    const failed = (error: KeywardError): PushRun => ({ node: name, outcome: null, error });
    if (under.has(name) && !(await isFree(name, deadline))) return failed(busy(name));
    if (stopped) return failed(stopping(name));
    standingOf(name).changed = false;
    const acting = act(name, deadline, every).then(
      (outcome): PushRun => ({ node: name, outcome, error: null }),
      (error: unknown): PushRun => failed(asError(error)),
    );
    under.set(name, acting);
    const run = await acting;
    under.delete(name);
    await settle(name, run);
    return run;
  }

  /** Waits for those that are before us. */
  async function isFree(name: NodeName, deadline: DurationMs): Promise<boolean> {
    const patience = new AbortController();
    const over = sleep(deadline, true, { ref: false, signal: patience.signal }).catch(() => true);
    try {
      while (under.has(name)) if ((await Promise.race([under.get(name), over])) === true) return false;
      return true;
    } finally {
      patience.abort();
    }
  }

  function standingOf(name: NodeName): Standing {
    const known = standings.get(name);
    if (known !== undefined) return known;
    const fresh = newStanding();
    standings.set(name, fresh);
    return fresh;
  }

  async function settle(name: NodeName, run: PushRun): Promise<void> {
    const { outcome, error } = run;
    onRun(run);
    const standing = standingOf(name);
    if (error !== null) return await settleFailed(name, standing, error);
    if (outcome === null || outcome.kind === "cleared") {
      // not ours any more, unless it has become so meanwhile, as a new one
      standings.delete(name);
      if (standing.changed) standingOf(name).changed = true;
      return;
    }
    const at = clock();
    standing.failures = 0;
    standing.due = at + untilNext(standing, random);
    standing.last = { at, outcome: outcome.kind, reached: at };
  }

  /** It has its event when it is a new one: not each time that a node is still down. */
  async function settleFailed(name: NodeName, standing: Standing, error: KeywardError): Promise<void> {
    const { last } = standing;
    const at = clock();
    standing.failures++;
    standing.due = at + untilNext(standing, random);
    const reached = last?.reached === undefined ? {} : { reached: last.reached };
    standing.last = { at, outcome: error.code, message: error.message, ...reached };
    if (last?.outcome !== error.code) await noteFailure(name, error);
  }

  async function noteFailure(name: NodeName, { code, message }: KeywardError): Promise<void> {
    const detail = { code, reason: message.slice(0, MAX_REASON) };
    await journal
      .note({ by: "system:push", action: "node:push", resource: name, outcome: "failed", detail })
      .catch(() => {});
  }

  function meet(names: readonly NodeName[]): void {
    for (const name of names) {
      const standing = standingOf(name);
      standing.changed = true;
      if (standing.failures > 0) void forgive(name, standing).catch(() => {});
    }
    look();
  }

  /** It failed by what has been put right since: its pause is over. */
  async function forgive(name: NodeName, standing: Standing): Promise<void> {
    const node = await transact((tx): Promise<Node | null> => nodes.get(tx, name));
    if (node?.push === undefined || JSON.stringify(node.push) === standing.tried) return;
    standing.failures = 0;
    look();
  }

  function look(): void {
    const now = clock();
    for (const [name, standing] of standings) if (isDue(standing, now) && !under.has(name)) queue.add(name);
    drain();
  }

  function drain(): void {
    for (const name of queue) {
      if (stopped || running >= DEFAULT_CONCURRENCY) return;
      queue.delete(name);
      const standing = standings.get(name);
      // an operator's push came first
      if (standing === undefined || under.has(name) || !isDue(standing, clock())) continue;
      running++;
      void push(name).finally(() => {
        running--;
        if (standings.get(name)?.changed === true) look();
        else drain();
      });
    }
  }

  let stopListening = (): void => {};
  return {
    async run(names, { concurrency = DEFAULT_CONCURRENCY, deadline = DEADLINE, every, signal }, done) {
      const left = names.values();
      const worker = async (): Promise<void> => {
        for (const name of left) {
          if (signal?.aborted === true) return;
          done(await push(name, deadline, every));
        }
      };
      const count = Math.min(Math.max(1, concurrency), MAX_CONCURRENCY, names.length);
      await Promise.all(Array.from({ length: count }, worker));
    },
    resume() {
      if (timer !== null) kept?.start();
      meet(fleet.pushed());
    },
    start() {
      kept?.start();
      stopListening = fleet.onPush(meet);
      meet(fleet.pushed());
      timer = setInterval(look, TICK);
      timer.unref();
    },
    async stop() {
      stopped = true;
      stopListening();
      if (timer !== null) clearInterval(timer);
      await Promise.allSettled([...under.values()]);
      kept?.stop();
    },
    standing(name) {
      const standing = standings.get(name);
      if (standing === undefined) return {};
      return {
        ...(standing.last === undefined ? {} : { last: standing.last }),
        ...(timer === null ? {} : { next: nextOf(standing, clock()) }),
      };
    },
    down: () => [...standings.values()].filter(({ failures }) => failures > 0).length,
  };
}

/** Characters of an error that its event keeps. */
const MAX_REASON = 1000;

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

function stopping(name: NodeName): KeywardError {
  return new KeywardError("busy", `node ${name}: the server stops`, { hint: "try again once it is back" });
}

function asError(error: unknown): KeywardError {
  if (isKeywardError(error)) return error;
  return new KeywardError("internal", "push: failed", { cause: error });
}
