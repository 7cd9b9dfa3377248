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
import type { AgentLog } from "./log.ts";
import { SPACING_MS, type Wait } from "./pace.ts";

export interface AskParts {
  readonly deriver: Deriver;
  readonly clock: Clock;
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
  readonly challenge: string;
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
const MAX_KEY_BYTES = 8_388_608;

/**
 * @param budget - From now. At least one attempt is made.
 * @returns The caller disposes of it: that wipes the keys.
 * @throws KeywardError the last refusal; `malformed` when the answer is for something else.
 */
export async function askVolume(
  parts: AskParts,
  api: Pick<Api, "call">,
  name: VolumeName,
  budget: DurationMs,
  signal: AbortSignal,
): Promise<VolumeAnswer> {
  const { clock, random, wait, log } = parts;
  const end = clock() + budget;
  for (;;) {
    try {
      return await answerOf(
        parts,
        name,
        await within(end - clock(), signal, wait, api.call("agent.unlock", { body: { name } })),
      );
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      // What the clock reads matters not: it may have been set meanwhile.
      const pause = SPACING_MS + fraction(random) * SPACING_MS;
      if (!passing.some((code) => code === error.code) || clock() + pause >= end || signal.aborted)
        throw error;
      log.warn({ volume: name, code: error.code, reason: error.message }, "no key yet");
      await wait(pause, signal);
    }
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

async function answerOf({ deriver }: AskParts, name: VolumeName, raw: Raw): Promise<VolumeAnswer> {
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
    challenge,
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
