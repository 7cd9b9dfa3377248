/**
 * Session: one connection to the server, from its first line to its end. Bundles are applied as they come; what
 * was done is reported; what is lacking is asked for; the certificate is renewed in time.
 */
import type { Api } from "../api/api.ts";
import type { Clock } from "../base/time.ts";
import { fraction, type Random } from "../crypto/random.ts";
import { assertAnswer, type Engine } from "./engine.ts";
import type { Flag } from "./flag.ts";
import type { Identity } from "./identity.ts";
import type { HeldVersion } from "./installed.ts";
import type { AgentLog } from "./log.ts";
import { csrFor, lifeOf, type Membership } from "./membership.ts";
import { createBackoff, createPace, type Pace, type Wait } from "./pace.ts";
import type { Reporter } from "./report.ts";

export interface SessionParts {
  readonly engine: Engine;
  readonly reporter: Reporter;
  readonly identity: Identity;
  /** Of all that asks the server for something. */
  readonly pace: Pace;
  readonly wait: Wait;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: AgentLog;
  /** There is something to report. */
  readonly news: Flag;
  /** There may be something to ask for. */
  readonly lacks: Flag;
  /** A line has come. */
  readonly onContact: () => void;
  /** Kept before it is used. */
  readonly onRenewed: (membership: Membership) => void;
}

/** @returns Whether there is a new certificate to come back with. @throws KeywardError how it ended otherwise. */
export async function holdSession(
  parts: SessionParts,
  api: Api,
  membership: Membership,
  signal: AbortSignal,
): Promise<"renewed" | "ended"> {
  const over = new AbortController();
  const end = (): void => over.abort();
  // What is under way ends with it: a server that does not answer must not hold up the end.
  const stop = (): void => {
    end();
    void api.close();
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const context: Context = { ...parts, api, membership, signal: over.signal, renewed: false };
  // What is new is told after the first line, together with what that brings.
  parts.news.lower();
  try {
    const work = [lines, reports, asks, renewal].map((one) => one(context).finally(end));
    const results = await Promise.allSettled(work);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined && !signal.aborted) throw failed.reason;
    return context.renewed ? "renewed" : "ended";
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

interface Context extends SessionParts {
  readonly api: Api;
  readonly membership: Membership;
  readonly signal: AbortSignal;
  renewed: boolean;
}

async function lines(context: Context): Promise<void> {
  const { engine, api, signal, onContact, news, lacks } = context;
  let first = true;
  const body = { held: held(await engine.held()) };
  for await (const line of api.stream("agent.watch", { body }, signal)) {
    if (signal.aborted) return;
    onContact();
    await engine.receive(assertAnswer(line), first);
    await engine.settleDrift();
    first = false;
    news.raise();
    lacks.raise();
  }
}

/** The body of a request is limited: what is left out is sent anew, and found to be there. */
const HELD_BYTES = 1_500_000;

function held(all: readonly HeldVersion[]): { key: string; version: number }[] {
  let size = 0;
  return all.filter(({ key }) => {
    size += Buffer.byteLength(key) + 40;
    return size < HELD_BYTES;
  });
}

const REPORT_AFTER_MS = 500;
const REPORT_SPREAD_MS = 2000;

/** Together, if several things happen within a second. */
async function reports(context: Context): Promise<void> {
  const { reporter, engine, api, wait, random, signal, news, lacks } = context;
  const pace = createPace(wait, signal);
  while (await news.raised(signal)) {
    // Files first: a change that concerns a thousand nodes must not bring a thousand reports while others
    // still wait for their file.
    await wait(REPORT_AFTER_MS + fraction(random) * REPORT_SPREAD_MS, signal);
    await pace.turn();
    if (signal.aborted) return;
    news.lower();
    engine.distrust(await reporter.send(api));
    lacks.raise();
  }
}

/** A value that is missing is asked for at once; what did not help is tried again later and later. */
async function asks(context: Context): Promise<void> {
  const { engine, clock, wait, random, signal, lacks } = context;
  const backoff = createBackoff(random, 2000, 300_000);
  const tried = new Set<string>();
  let due = 0;
  let sleeping = false;
  while (await lacks.raised(signal)) {
    lacks.lower();
    const { missing, failed } = engine.lacking();
    if (missing.size === 0 && !failed) {
      backoff.reset();
      tried.clear();
      due = 0;
      continue;
    }
    if (due === 0) due = clock() + backoff.next();
    if ([...missing].some((key) => !tried.has(key)) || clock() >= due) {
      for (const key of missing) tried.add(key);
      due = 0;
      await ask(context);
    } else if (!sleeping) {
      sleeping = true;
      void wait(due - clock(), signal).then(() => {
        sleeping = false;
        lacks.raise();
      });
    }
  }
}

async function ask({ engine, api, pace, signal, news, lacks }: Context): Promise<void> {
  await pace.turn();
  if (signal.aborted) return;
  const body = { held: held(await engine.held()) };
  await engine.receive(assertAnswer(await api.call("agent.bundle", { body })), false);
  await engine.settleDrift();
  news.raise();
  lacks.raise();
}

const SLICE_MS = { kept: 3_600_000, derived: 60_000 };

/** Until it is time, or the machine's seed is another one: the certificate in use lets us show the new key. */
async function renewalDue({ membership, identity, wait, clock, signal }: Context): Promise<void> {
  const { certificate } = membership;
  const { renew } = lifeOf(certificate);
  const slice = identity.kept ? SLICE_MS.kept : SLICE_MS.derived;
  for (let left = renew - clock(); left > 0 && !signal.aborted; left = renew - clock()) {
    if (await identity.isTurned(certificate)) return;
    await wait(Math.min(left, slice), signal);
  }
}

async function renewal(context: Context): Promise<void> {
  const { api, membership, identity, pace, wait, random, log, signal, onRenewed } = context;
  const backoff = createBackoff(random, 10_000, 600_000);
  await renewalDue(context);
  while (!signal.aborted) {
    await pace.turn();
    if (signal.aborted) return;
    try {
      const key = await identity.key();
      const body = { csr: csrFor(key, membership.node) };
      const { certificate, ca } = await api.call("agent.renew", { body });
      onRenewed({ ...membership, key, keepsKey: identity.kept, certificate, ca });
      context.renewed = true;
      return;
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ reason: String((error as Error).message) }, "the certificate was not renewed yet");
      await wait(backoff.next(), signal);
    }
  }
}
