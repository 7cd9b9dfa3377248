/**
 * Question desk: answers the passphrase questions of systemd for this node's volumes, where its line in crypttab knows no
 * socket: with the key that the server gives now. A question that somebody else has answered meanwhile is left alone, and
 * one for any other device is not touched.
 */
import type { Question, Questions } from "../adapters/systemd/questions.ts";
import { isKeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import { encryptedDevice, type VolumeName } from "../model/volume.ts";
import type { HandOver } from "./hand-over.ts";
import type { KnownVolume } from "./known-volumes.ts";
import type { AgentLog } from "./log.ts";
import type { Wait } from "./pace.ts";

export interface QuestionDeskParts {
  readonly questions: Questions;
  readonly handOver: Pick<HandOver, "keyFor">;
  readonly known: () => readonly KnownVolume[];
  /** Two names of one device? */
  readonly isSame: (device: string, other: string) => boolean;
  /** systemd has the key of this one. */
  readonly given: (name: VolumeName) => void;
  readonly wait: Wait;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
}

const LOOK_MS = 1000;
/** Between looks that notices cause. */
const SPACING_MS = 100;
/** Who asks waits; when nobody does any more, so does nobody here. */
const BUDGET = 3_600_000 as DurationMs;

/** Until the signal. */
export async function answerQuestions(parts: QuestionDeskParts): Promise<void> {
  const { questions, wait, signal } = parts;
  let stirred = false;
  let awake = (): void => {};
  /** What is being answered, or was: each once. */
  const taken = new Map<string, AbortController>();
  const stop = questions.watch(() => {
    stirred = true;
    awake();
  });
  try {
    while (!signal.aborted) {
      stirred = false;
      const open = questions.open();
      const sockets = new Set(open.map(({ socket }) => socket));
      for (const [socket, over] of taken)
        if (!sockets.has(socket)) {
          over.abort();
          taken.delete(socket);
        }
      for (const question of open) {
        const volume = taken.has(question.socket) ? undefined : volumeOf(parts, question);
        if (volume === undefined) continue;
        const over = new AbortController();
        taken.set(question.socket, over);
        void answer(parts, question, volume, AbortSignal.any([signal, over.signal]));
      }
      await wait(SPACING_MS, signal);
      const turn = new AbortController();
      awake = () => turn.abort();
      if (!stirred) await wait(LOOK_MS, AbortSignal.any([signal, turn.signal]));
    }
  } finally {
    stop();
    for (const over of taken.values()) over.abort();
  }
}

function volumeOf({ known, isSame }: QuestionDeskParts, { device }: Question): VolumeName | undefined {
  return known().find(({ delivery }) => isSame(encryptedDevice(delivery), device))?.delivery.name;
}

async function answer(
  { questions, handOver, given, log }: QuestionDeskParts,
  question: Question,
  name: VolumeName,
  signal: AbortSignal,
): Promise<void> {
  log.info({ volume: name }, "systemd asks for a passphrase");
  try {
    const { key, version } = await handOver.keyFor(name, BUDGET, signal);
    using answered = key;
    if (signal.aborted) return;
    await questions.answer(question, answered);
    log.info({ volume: name, version }, "systemd has the key as its answer");
    given(name);
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    if (signal.aborted) return;
    log.error({ volume: name, code: error.code, reason: error.message }, "systemd's question stays open");
  }
}
