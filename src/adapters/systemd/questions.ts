/**
 * Questions: the passphrases that systemd's programs ask for, and the answers, which systemd-reply-password sends: an
 * answer is a datagram to a socket. It is a line of text, so a key with certain bytes cannot go this way.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  watch,
} from "node:fs";
import { join } from "node:path";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import { type RunProgram, runProgram } from "../process.ts";
import { MAX_QUESTION, parseQuestion, type Question } from "./question.ts";

export type { Question } from "./question.ts";

export interface Questions {
  /** About volumes, and not answered yet; none where nobody asks. */
  open(): Question[];
  /** @returns What ends it. Not every change is told: look now and then. */
  watch(stirred: () => void): () => void;
  /** @throws KeywardError `usage` when the key is none that can be typed; `local` when it was not taken. */
  answer(question: Question, key: Secret): Promise<void>;
}

export interface QuestionsOptions {
  readonly directory?: string;
  readonly run?: RunProgram;
}

const DIRECTORY = "/run/systemd/ask-password";
const MAX_QUESTIONS = 64;
/** Who reads the answer has room for a line of 2048 bytes, with what stands before and after it. */
const MAX_ANSWER = 2046;
const PROGRAMS = ["/usr/lib/systemd/systemd-reply-password", "/lib/systemd/systemd-reply-password"];
const LIMIT = 10_000 as DurationMs;

export function createQuestions({
  directory = DIRECTORY,
  run = runProgram,
}: QuestionsOptions = {}): Questions {
  return {
    open() {
      if (!isRoots(directory)) return [];
      const names = list(directory).filter((name) => name.startsWith("ask."));
      return names.slice(0, MAX_QUESTIONS).flatMap((name) => {
        const bytes = readOwn(join(directory, name));
        const question = bytes === null ? null : parseQuestion(bytes, directory);
        return question !== null && isOpen(question, directory) ? [question] : [];
      });
    },

    watch(stirred) {
      try {
        const watcher = watch(directory, () => stirred());
        watcher.on("error", () => watcher.close());
        return () => watcher.close();
      } catch {
        return () => {};
      }
    },

    async answer({ socket }, key) {
      if (!isTypeable(key))
        throw new KeywardError(
          "usage",
          "the key cannot be an answer: it has a byte 0, 10 or 13, or is too long",
          {
            hint: "let systemd ask at the agent's socket: keyward disk units; a key of key generate --kind disk has none",
          },
        );
      const program = PROGRAMS.find((one) => existsSync(one));
      if (program === undefined)
        throw new KeywardError("local", "systemd-reply-password is not there", {
          hint: "it comes with systemd",
        });
      const argv = [program, "1", join(directory, socket)];
      const { end } = await run({ argv, limit: LIMIT, input: key.reveal() });
      if (end.kind === "exited" && end.status === 0) return;
      throw new KeywardError("local", "the question was not there any more when it was answered");
    },
  };
}

/** The answer is a line: it ends at the first of these, and what is behind is lost. */
export function isTypeable(key: Secret): boolean {
  const bytes = key.reveal();
  return bytes.length > 0 && bytes.length <= MAX_ANSWER && !bytes.some((one) => [0, 10, 13].includes(one));
}

/** Nobody else may put a question there. */
function isRoots(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && isOurs(stat);
}

/** Root's, as this process is; and no others' to write. */
function isOurs({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean {
  return uid === (process.getuid?.() ?? 0) && (mode & 0o022) === 0;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function readOwn(path: string): Uint8Array | null {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile() || !isOurs(stat)) return null;
      const bytes = Buffer.alloc(MAX_QUESTION + 1);
      return bytes.subarray(0, readSync(fd, bytes));
    } finally {
      closeSync(fd);
    }
  } catch {
    // Answered, just now.
    return null;
  }
}

/** Is somebody there for the answer? */
function isOpen({ pid, notAfter, socket }: Question, directory: string): boolean {
  const stat = lstatSync(join(directory, socket), { throwIfNoEntry: false });
  if (stat?.isSocket() !== true || !isOurs({ uid: stat.uid, mode: 0 })) return false;
  if (pid !== null && !existsSync(`/proc/${pid}`)) return false;
  return notAfter === 0n || machineTime() < notAfter;
}

/** In microseconds since the machine began; with its sleep, so it is never too early. */
function machineTime(): bigint {
  const [seconds = "0"] = readFileSync("/proc/uptime", "utf8").split(" ");
  return BigInt(Math.round(Number(seconds) * 1_000_000));
}
