/** Long run: hold a session as long as there is a server, go on without one, and come back with patience. */
import { isKeywardError } from "../base/errors.ts";
import { fraction } from "../crypto/random.ts";
import type { Core } from "./core.ts";
import { standingOf } from "./engine.ts";
import { createFlag, type Flag } from "./flag.ts";
import { addressesOf, type Membership, saveMembership } from "./membership.ts";
import { type Backoff, createBackoff } from "./pace.ts";
import { holdSession } from "./session.ts";
import { rejoined, type Setup } from "./setup.ts";

/** How long a server may take at the start before what is kept for its absence is used. */
const PATIENCE_MS = 3000;
/** After a session that lasted this long the next attempt comes soon. */
const GOOD_SESSION_MS = 10_000;
/** Between attempts of a node that the server refuses, on average. */
const REFUSED_MS = 60_000;
const LOOK_EVERY_MS = 60_000;
/** Between looks whether something has expired. */
const EXPIRY_MS = { least: 50, again: 5000, most: 60_000 };

/** What the loops of one run share. */
interface Run {
  readonly setup: Setup;
  readonly core: Core;
  readonly signal: AbortSignal;
  /** There is something to report. */
  readonly news: Flag;
  /** There may be something to ask for. */
  readonly lacks: Flag;
  membership: Membership;
  /** Of which server it is the turn. */
  turns: number;
  /** A line has come on the session under way. */
  connected: boolean;
  /** A line has come in this run, or what is kept for a server's absence has been used. */
  settled: boolean;
  /** Look at all files next time, not only where there was notice. */
  everywhere: boolean;
}

export async function runForLong(setup: Setup, core: Core, membership: Membership): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  setup.signal.addEventListener("abort", end, { once: true });
  if (setup.signal.aborted) end();
  const run: Run = {
    setup,
    core,
    signal: over.signal,
    news: createFlag(),
    lacks: createFlag(),
    membership,
    turns: 0,
    connected: false,
    settled: false,
    everywhere: true,
  };
  try {
    const loops = [connections, looks, ticks, expiry].map((loop) => loop(run).finally(end));
    const results = await Promise.allSettled([...loops, impatience(run)]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  } finally {
    setup.signal.removeEventListener("abort", end);
    core.close();
  }
}

async function connections(run: Run): Promise<void> {
  const { setup, signal } = run;
  const { random, wait, clock } = setup.parts;
  const backoff = createBackoff(random);
  while (!signal.aborted) {
    await setup.pace.turn();
    if (signal.aborted) return;
    const started = clock();
    const delay = await oneConnection(run, backoff);
    if (clock() - started >= GOOD_SESSION_MS) backoff.reset();
    await wait(delay(), signal);
  }
}

/** @returns How long to wait before the next. */
async function oneConnection(run: Run, backoff: Backoff): Promise<() => number> {
  const { setup, core, signal } = run;
  const { parts } = setup;
  try {
    run.membership = await rejoined(setup, run.membership);
    const { certificate, key } = run.membership;
    const addresses = addressesOf(run.membership);
    const address = addresses[run.turns % addresses.length] ?? run.membership.address;
    const api = parts.connect({ address, ca: core.ca(), cert: certificate, key });
    try {
      const how = await holdSession(sessionParts(run), api, run.membership, signal);
      if (how === "renewed") return () => 0;
    } catch (error) {
      run.turns++;
      throw error;
    } finally {
      // With the old certificate nothing may be open once the new one is shown.
      await api.close();
      if (run.connected) core.offline.confirm(true);
      run.connected = false;
    }
    if (!signal.aborted) parts.log.warn({ address }, "the server ended the watch");
    run.turns++;
    await withoutServer(run);
  } catch (error) {
    if (await refused(run, error)) return () => REFUSED_MS * (0.5 + fraction(parts.random));
  }
  return backoff.next;
}

function sessionParts(run: Run) {
  const { setup, core, news, lacks } = run;
  const { engine, reporter } = core;
  const { wait, clock, random, log } = setup.parts;
  return {
    engine,
    reporter,
    identity: setup.identity,
    pace: setup.pace,
    wait,
    clock,
    random,
    log,
    news,
    lacks,
    onContact() {
      if (!run.connected) log.info({ address: run.membership.address }, "connected");
      run.connected = true;
      run.settled = true;
      core.offline.confirm();
      core.volumes.confirm();
    },
    onRenewed(membership: Membership) {
      saveMembership(setup.state, membership);
      run.membership = membership;
      core.renewed(membership);
      log.info({ node: membership.node }, "certificate renewed");
    },
  };
}

/** @returns Whether the server refuses this node, as opposed to being away. */
async function refused(run: Run, error: unknown): Promise<boolean> {
  const { log } = run.setup.parts;
  const code = isKeywardError(error) ? error.code : "internal";
  log.warn({ code, reason: error instanceof Error ? error.message : "unknown" }, "no session");
  const standing = standingOf(error);
  switch (standing) {
    case "revoked":
      run.settled = true;
      await attempt(run, run.core.engine.withdrawAll);
      return true;
    case "frozen":
      run.core.volumes.freeze();
      return true;
    case "refused":
      return true;
    case null:
      await withoutServer(run);
      return false;
  }
}

async function withoutServer(run: Run): Promise<void> {
  if (run.settled || run.signal.aborted) return;
  run.settled = true;
  await attempt(run, run.core.engine.goOffline);
}

/** A server that does not answer must not keep a host from starting. */
async function impatience(run: Run): Promise<void> {
  await run.setup.parts.wait(PATIENCE_MS, run.signal);
  await withoutServer(run);
}

/** When a directory stirs: at once. */
async function looks(run: Run): Promise<void> {
  while (await run.core.stirred.raised(run.signal)) {
    run.core.stirred.lower();
    await attempt(run, () => look(run));
  }
}

async function look(run: Run): Promise<void> {
  const { core, connected, news, lacks } = run;
  if (connected) core.offline.confirm();
  const everywhere = run.everywhere;
  run.everywhere = false;
  if (await core.engine.repair(everywhere)) {
    if (core.engine.lacking().missing.size > 0) lacks.raise();
    else await core.engine.settleDrift();
  }
  news.raise();
}

/** A state directory that is full, say, must not end the agent: it tries again. */
async function attempt({ setup }: Run, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    setup.parts.log.error({ code: error.code, reason: error.message }, "failed");
  }
}

/** The kernel may lose what it should tell us. */
async function ticks(run: Run): Promise<void> {
  const { setup, core, signal } = run;
  while (!signal.aborted) {
    await setup.parts.wait(setup.options.lookEvery ?? LOOK_EVERY_MS, signal);
    core.reporter.observe();
    run.everywhere = true;
    core.stirred.raise();
  }
}

/** Without a server, what may no longer be used goes when its time has come. */
async function expiry(run: Run): Promise<void> {
  const { setup, core, signal } = run;
  const { clock, wait } = setup.parts;
  while (!signal.aborted) {
    if (run.connected) core.offline.confirm();
    const ends = core.offline.firstEnd([...core.installed.files.values()].map(({ offline }) => offline));
    await wait(ends === null ? EXPIRY_MS.most : pauseUntil(ends - clock()), signal);
    if (!run.connected && run.settled && !signal.aborted) await attempt(run, core.engine.expire);
  }
}

/** What has ended and is still there could not be removed: no hurry. */
function pauseUntil(left: number): number {
  return left <= 0 ? EXPIRY_MS.again : Math.min(EXPIRY_MS.most, Math.max(EXPIRY_MS.least, left));
}
