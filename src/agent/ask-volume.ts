/**
 * Ask for a volume's key: until there is an answer or the time is up, no more than once a second. What may pass is
 * waited out: no server yet, no network yet, an approval that is to come; a refusal is not.
 */
import type { Api } from "../api/api.ts";
import type { ResponseOf } from "../api/shapes.ts";
import { fromBase64 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Clock, DurationMs } from "../base/time.ts";
import { fraction, type Random } from "../crypto/random.ts";
import type { VolumeKey } from "../disk/disk.ts";
import type { VersionNumber } from "../model/key.ts";
import { type KeyName, parseKeyName } from "../model/name.ts";
import { parseVolumeName, type UnlockDelivery, type VolumeName } from "../model/volume.ts";
import type { Deriver, MadeFrom } from "./deriver.ts";
import type { RecoveryState } from "./known-volumes.ts";
import type { AgentLog } from "./log.ts";
import { SPACING_MS, type Wait } from "./pace.ts";

export interface AskParts {
  readonly deriver: Deriver;
  readonly clock: Clock;
  /** For how long it asks; `clock` unless given. */
  readonly steady?: Clock;
  readonly random: Random;
  readonly wait: Wait;
  readonly log: AgentLog;
}

export interface AnsweredKey extends VolumeKey {
  /** How it was derived; absent when the server sent it. */
  readonly from?: MadeFrom;
}

export interface VolumeAnswer {
  readonly key: KeyName;
  readonly delivery: UnlockDelivery;
  /** In the order in which they are to be tried. */
  readonly keys: readonly AnsweredKey[];
  /** The node has opened it before: then it is not blank, whatever it looks like. */
  readonly known: boolean;
  /** The version that the server believes it opens with. */
  readonly proved?: VersionNumber;
  readonly grant: string;
  /** Absent unless its grant names holders, or when it was kept here. */
  readonly recovery?: RecoveryState;
  /** Who gave it, and to whom it is proved; `null` when it was kept here. */
  readonly from: (Pick<Api, "call"> & { readonly challenge: string }) | null;
  [Symbol.dispose](): void;
}

type Raw = ResponseOf<"agent.unlock">;

const passing = [
  "unreachable",
  "timeout",
  "busy",
  "rate-limited",
  "sealed",
  "uninitialised",
  "internal",
] as const;
/** It is not there, or has nothing to give to anyone. */
const absent = ["unreachable", "timeout", "rate-limited", "sealed", "uninitialised", "internal"] as const;
const MAX_KEY_BYTES = 8_388_608;
/** Between the first requests to one server and the next. */
const STAGGER_MS = 500;
/** After so long without a word from any server they count as absent. */
const ABSENT_MS = 5000;
const SECOND_OPINION_MS = 3000;

/** One of the ways to a key. */
export interface Server extends Pick<Api, "call"> {
  readonly address: string;
}

export interface Ways {
  /** All serve the same store; the first is asked first. */
  readonly servers: readonly Server[];
  /** What is kept for the absence of all of them; `null` when nothing is. */
  readonly spare?: () => Promise<VolumeAnswer | null>;
}

/**
 * All ways at once, each a little after the one before; the first that gives a key has won. What is kept for a
 * server's absence counts only once every server has been silent for a while: one that answers is not absent,
 * whatever it answers.
 *
 * @param budget - From now. Each server is asked at least once.
 * @returns The caller disposes of it: that wipes the keys.
 * @throws KeywardError the refusal, or the last failure; `malformed` when the answer is for something else.
 */
export async function askVolume(
  parts: AskParts,
  { servers, spare }: Ways,
  name: VolumeName,
  budget: DurationMs,
  signal: AbortSignal,
): Promise<VolumeAnswer> {
  const { wait } = parts;
  const clock = parts.steady ?? parts.clock;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const race: Race = { name, end: clock() + budget, spoken: false, signal: either };
  const ways = servers.map(async (server, i) => {
    if (i > 0) await wait(i * STAGGER_MS, either);
    if (i > 0 && either.aborted) throw new KeywardError("timeout", "nobody waits for it any more");
    return await askServer(parts, server, race);
  });
  if (spare !== undefined)
    ways.push(wait(Math.min(ABSENT_MS, budget / 2), either).then(() => fromSpare(parts.log, race, spare)));
  let won: VolumeAnswer | undefined;
  try {
    won = await firstOf(ways, (answer) => (won ??= answer));
    return won;
  } finally {
    over.abort();
    // One that comes too late is wiped.
    for (const way of ways)
      void way.then(
        (answer) => answer === won || answer[Symbol.dispose](),
        () => {},
      );
  }
}

interface Race {
  readonly name: VolumeName;
  /** As the steady clock says. */
  end: number;
  /** A server has answered, if only to refuse. */
  spoken: boolean;
  readonly signal: AbortSignal;
}

/** Until it answers, refuses, or the time is up. */
async function askServer(parts: AskParts, server: Server, race: Race): Promise<VolumeAnswer> {
  const { random, wait, log } = parts;
  const clock = parts.steady ?? parts.clock;
  const { name, signal } = race;
  for (;;) {
    try {
      const call = server.call("agent.unlock", { body: { name } });
      return await answerOf(parts, server, name, await within(race.end - clock(), signal, wait, call));
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      race.spoken ||= !absent.some((code) => code === error.code);
      if (!passing.some((code) => code === error.code)) {
        // Another server may know better, if it is quick: this one may be behind.
        race.end = Math.min(race.end, clock() + SECOND_OPINION_MS);
        throw error;
      }
      // What the clock reads matters not: it may have been set meanwhile.
      const pause = SPACING_MS + fraction(random) * SPACING_MS;
      if (clock() + pause >= race.end || signal.aborted) throw error;
      log.warn({ volume: name, code: error.code, reason: error.message }, "no key yet");
      await wait(pause, signal);
    }
  }
}

async function fromSpare(
  log: AgentLog,
  { name, spoken, signal }: Race,
  spare: NonNullable<Ways["spare"]>,
): Promise<VolumeAnswer> {
  const answer = spoken || signal.aborted ? null : await spare();
  if (answer === null) throw new KeywardError("not-found", `volume ${name}: no copy of its key may be used`);
  log.warn({ volume: name }, "no server answers: the copy of its key that is kept here is used");
  return answer;
}

/** @throws KeywardError that says most, when none succeeds. */
async function firstOf(
  ways: readonly Promise<VolumeAnswer>[],
  take: (answer: VolumeAnswer) => VolumeAnswer,
): Promise<VolumeAnswer> {
  try {
    return await Promise.any(ways.map((way) => way.then(take)));
  } catch (error) {
    const errors = (error as AggregateError).errors as unknown[];
    throw (
      errors.find((one) => !isKeywardError(one)) ??
      errors.find((one) => isKeywardError(one, "denied")) ??
      errors[0]
    );
  }
}

async function within<T>(ms: number, signal: AbortSignal, wait: Wait, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  signal.addEventListener("abort", stop, { once: true });
  const late = wait(Math.max(ms, SPACING_MS), over.signal).then((): never => {
    throw new KeywardError("timeout", "the server does not answer in time");
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => {});
    late.catch(() => {});
    stop();
  }
}

async function answerOf(
  { deriver }: AskParts,
  server: Server,
  name: VolumeName,
  raw: Raw,
): Promise<VolumeAnswer> {
  const { delivery, challenge } = raw;
  if (delivery?.kind !== "unlock" || parseVolumeName(delivery.name) !== name || !Array.isArray(raw.versions))
    throw new KeywardError("malformed", `volume ${name}: the server's answer is not for it`);
  const key = parseKeyName(raw.key);
  const keys: AnsweredKey[] = [];
  for (const one of raw.versions) keys.push(await keyOf(deriver, key, one));
  return {
    key,
    delivery: delivery as unknown as UnlockDelivery,
    keys,
    known: raw.proved !== undefined,
    ...(raw.proved === undefined ? {} : { proved: raw.proved as VersionNumber }),
    grant: raw.grant,
    ...(raw.recovery === undefined ? {} : { recovery: raw.recovery }),
    from: { call: (operation, request) => server.call(operation, request), challenge },
    [Symbol.dispose]() {
      for (const { value } of keys) value.wipe();
    },
  };
}

async function keyOf(deriver: Deriver, key: KeyName, { version, value, derived }: Raw["versions"][number]) {
  const number = version as VersionNumber;
  if (derived !== undefined) {
    const [made] = await deriver.make([{ key, version: number, derived: derived as never }]);
    if (made === undefined || "error" in made)
      throw made?.error ?? new KeywardError("internal", "nothing was derived");
    return { version: number, value: made.value, from: made.from };
  }
  const bytes = Secret.take(fromBase64(value ?? "", "a volume's key"));
  if (bytes.length > 0 && bytes.length <= MAX_KEY_BYTES) return { version: number, value: bytes };
  bytes.wipe();
  throw new KeywardError("malformed", `version ${version} of ${key}: not a volume's key`);
}
