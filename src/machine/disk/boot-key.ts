/**
 * Boot key: the key of a volume that the system itself lies on, at a moment when nobody and nothing else is there.
 * First the servers are asked, for as long as the budget says. After that somebody at the console is asked as well, and
 * the servers still are: a machine that came up before its server must not wait for a person.
 */
import type { AskHere } from "../../adapters/askpass/askpass.ts";
import type { Wait } from "../../agent/pace.ts";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import { fraction, type Random } from "../../crypto/random.ts";
import type { VolumeName } from "../../model/volume.ts";
import { recoveryKey } from "./recovery-key.ts";

export interface BootKeyParts {
  /** Asks the servers for so long. @throws KeywardError what refuses it, or is lacking. */
  readonly serve: (budget: DurationMs, signal: AbortSignal) => Promise<Secret>;
  /** Does it open the volume? */
  readonly fits: (key: Secret) => Promise<boolean>;
  /** `null`: nobody is asked. */
  readonly askHere: AskHere | null;
  readonly wait: Wait;
  readonly random: Random;
  /** A line on the console. */
  readonly say: (line: string) => void;
}

/** Between rounds of asking the servers, once there is a question on the console: at least, and twice that at most. */
const PAUSE_MS = { passing: 2000, refused: 30_000 };
/** Between questions: a console that nobody can be asked at answers at once. */
const QUESTION_MS = 1000;
const ROUND = 20_000 as DurationMs;

/** @returns The caller wipes it. @throws KeywardError when nobody can be asked, or the signal ended it. */
export async function bootKey(
  parts: BootKeyParts,
  name: VolumeName,
  budget: DurationMs,
  signal: AbortSignal,
): Promise<Secret> {
  const { serve, askHere, say } = parts;
  let first: KeywardError;
  try {
    say(`${name}: asking for its key`);
    return await serve(budget, signal);
  } catch (error) {
    if (!isKeywardError(error) || signal.aborted || askHere === null) throw error;
    say(`${name}: no key: ${whyOf(error)}`);
    first = error;
  }
  say(`${name}: its recovery key opens it; the servers are asked meanwhile`);
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const ways = [askOn(parts, name, first, stop), typed(parts, name, askHere, stop)];
  let won: Secret | undefined;
  try {
    won = await Promise.race(ways);
    return won;
  } finally {
    over.abort();
    // The one who asks leaves the terminal as it was; one that comes too late is wiped.
    for (const way of await Promise.allSettled(ways))
      if (way.status === "fulfilled" && way.value !== won) way.value.wipe();
  }
}

async function askOn(
  { serve, wait, random, say }: BootKeyParts,
  name: VolumeName,
  first: KeywardError,
  signal: AbortSignal,
): Promise<Secret> {
  let last = first;
  for (;;) {
    const least = last.code === "denied" || last.code === "not-found" ? PAUSE_MS.refused : PAUSE_MS.passing;
    await wait(least + fraction(random) * least, signal);
    if (signal.aborted) throw last;
    try {
      const key = await serve(ROUND, signal);
      say(`\n${name}: a server has given its key`);
      return key;
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      if (error.message !== last.message && !signal.aborted) say(`\n${name}: still no key: ${whyOf(error)}`);
      last = error;
    }
  }
}

async function typed(
  { fits, wait, say }: BootKeyParts,
  name: VolumeName,
  askHere: AskHere,
  signal: AbortSignal,
): Promise<Secret> {
  for (;;) {
    const answer = await askHere(`recovery key of ${name}: `, signal);
    if (answer !== null && answer.length > 0) {
      const key = recoveryKey(answer);
      if (await fits(key)) return key;
      key.wipe();
      say(`${name}: this key does not open it`);
    }
    await wait(QUESTION_MS, signal);
    if (signal.aborted)
      throw new KeywardError("timeout", `volume ${name}: nobody waits for its key any more`);
  }
}

const whyOf = ({ message, hint }: KeywardError): string =>
  hint === undefined ? message : `${message}; ${hint}`;
