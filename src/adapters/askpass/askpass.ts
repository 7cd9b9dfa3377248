/**
 * Askpass: a question to whoever sits at a machine that is not up yet, by the programs that are there for it:
 * `/lib/cryptsetup/askpass` of Debian's initramfs (console, Plymouth, and a fifo for who comes over the network), and
 * systemd-ask-password(1) in one that has systemd. Both print what was typed, the first without a line feed. The first
 * asks at its standard input and error, and hides its question when these are not the console.
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { type End, startAtTerminal } from "../process.ts";

export const askers = ["askpass", "systemd"] as const;
export type Asker = (typeof askers)[number];

/** @param over - Nobody needs the answer any more. @returns `null` when there is none. */
export type AskHere = (question: string, over: AbortSignal) => Promise<Secret | null>;

interface Programs {
  readonly argv: (question: string) => readonly string[];
  /** Where an empty answer ends it, so that it leaves the terminal as it was. */
  readonly fifo?: string;
}

const programs: Readonly<Record<Asker, Programs>> = {
  askpass: {
    argv: (question) => ["/lib/cryptsetup/askpass", question],
    fifo: "/lib/cryptsetup/passfifo",
  },
  systemd: {
    argv: (question) => ["systemd-ask-password", "--timeout=0", "--id=keyward", question],
  },
};

const MAX_TYPED = 4096;
/** For it to end by itself. */
const GRACE_MS = 2000;

/** @throws KeywardError `local` when the program is missing. */
export function createAskHere(asker: Asker, { argv, fifo }: Programs = programs[asker]): AskHere {
  return async (question, over) => {
    const words = argv(question);
    const started = startAtTerminal(words);
    if ("kind" in started) throw missing(words[0], started);
    const typed = new Uint8Array(MAX_TYPED);
    let length = 0;
    started.output.on("data", (chunk: Buffer) => {
      typed.set(chunk.subarray(0, MAX_TYPED - length), length);
      length = Math.min(MAX_TYPED, length + chunk.length);
      chunk.fill(0);
    });
    const drained = new Promise<void>((resolve) => {
      started.output.on("close", resolve).on("end", resolve);
    });
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      if (fifo === undefined || !answerNothing(fifo)) started.kill("SIGTERM");
      timer = setTimeout(() => started.kill(), GRACE_MS);
    };
    over.addEventListener("abort", stop, { once: true });
    if (over.aborted) stop();
    try {
      const end = await started.ended;
      await Promise.race([drained, pause(GRACE_MS)]);
      if (end.kind === "not-started") throw missing(words[0], end);
      if (over.aborted || end.kind !== "exited" || end.status !== 0) return null;
      return Secret.copy(withoutLineFeed(typed.subarray(0, length)));
    } finally {
      clearTimeout(timer);
      over.removeEventListener("abort", stop);
      typed.fill(0);
    }
  };
}

function withoutLineFeed(typed: Uint8Array): Uint8Array {
  return typed.at(-1) === 0x0a ? typed.subarray(0, -1) : typed;
}

/** @returns Whether somebody reads there. */
function answerNothing(fifo: string): boolean {
  try {
    const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fd, "\n");
    } finally {
      closeSync(fd);
    }
    return true;
  } catch {
    return false;
  }
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

function missing(name: string | undefined, end: End): KeywardError {
  const why = end.kind === "not-started" ? end.code : end.kind;
  return new KeywardError("local", `${name}: nobody can be asked (${why})`);
}
