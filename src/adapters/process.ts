/**
 * Process: runs a program of the host. The only file that spawns one.
 *
 * Arguments are an array and no shell sees them. The environment is empty but for what is handed in, the
 * working directory is `/`, standard input is closed or what is handed in, and output beyond the limit is read and
 * dropped. The program gets a process group of its own, so that its time limit ends its children too.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Duplex, type Readable } from "node:stream";
import type { DurationMs } from "../base/time.ts";

/** Where a bare program name is looked for. */
export const PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface Program {
  /** At least the program's name. */
  readonly argv: readonly string[];
  /** Added to PATH, which is all that a program gets otherwise. */
  readonly environment?: Readonly<Record<string, string>>;
  /** After this the process group is killed. */
  readonly limit: DurationMs;
  /** Bytes of output to keep, standard output and standard error together. */
  readonly keep?: number;
  /** Standard input: a pipe that ends after this. Absent: closed. The caller wipes it after the end. */
  readonly input?: Uint8Array;
  /** Keep standard output by itself too. */
  readonly apart?: boolean;
  /** Told of its output as it comes. */
  readonly heard?: (chunk: Buffer) => void;
  /** Then it is asked to end: SIGTERM. */
  readonly until?: AbortSignal;
}

export type End =
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "killed"; readonly signal: string }
  | { readonly kind: "timeout"; readonly limit: DurationMs }
  /** `code`: the system's, as ENOENT. */
  | { readonly kind: "not-started"; readonly code: string };

export interface Ran {
  readonly end: End;
  /** Both streams, as they came. */
  readonly output: Uint8Array;
  /** Standard output alone, if `apart` asked for it. */
  readonly stdout?: Uint8Array;
}

/** Never throws: how it ended is the answer. */
export type RunProgram = (program: Program) => Promise<Ran>;

export const runProgram: RunProgram = (program) =>
  new Promise((resolve) => {
    const output: Output = { both: [], stdout: [] };
    const finish = (end: End): void =>
      resolve({
        end,
        output: Buffer.concat(output.both),
        ...(program.apart && { stdout: Buffer.concat(output.stdout) }),
      });
    try {
      follow(start(program), program, output, finish);
    } catch (error) {
      finish({ kind: "not-started", code: codeOf(error) });
    }
  });

interface Output {
  readonly both: Buffer[];
  readonly stdout: Buffer[];
}

function start({ argv, environment, input }: Program): ChildProcess {
  const [name = "", ...rest] = argv;
  return spawn(name, rest, {
    cwd: "/",
    env: { PATH: PROGRAM_PATH, ...environment },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    detached: true,
    shell: false,
  });
}

export interface Conversation {
  /** Its standard input and output. */
  readonly stream: Duplex;
  /** Its standard error. */
  readonly words: Readable;
  readonly ended: Promise<End>;
  /** It, and what it started. */
  kill(): void;
}

/** A program to talk to, for as long as it lasts; whoever starts one kills it. */
export function converse(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Conversation | End {
  const [name = "", ...rest] = argv;
  try {
    const child = spawn(name, rest, {
      cwd: "/",
      env: { PATH: PROGRAM_PATH, ...environment },
      stdio: "pipe",
      detached: true,
      shell: false,
    });
    const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
    // one that ends early breaks its streams off; `ended` says how it ended
    stream.on("error", () => {});
    return { stream, words: child.stderr, ended: endOf(child), kill: () => killGroup(child) };
  } catch (error) {
    return { kind: "not-started", code: codeOf(error) };
  }
}

export interface AtTerminal {
  readonly output: Readable;
  readonly ended: Promise<End>;
  /** It, and what it started. @param signal - KILL unless given. */
  kill(signal?: NodeJS.Signals): void;
}

/** With this process's standard input and error, for one who asks a person there; its output is ours. */
export function startAtTerminal(argv: readonly string[]): AtTerminal | End {
  const [name = "", ...rest] = argv;
  try {
    const child = spawn(name, rest, {
      cwd: "/",
      env: { PATH: PROGRAM_PATH },
      stdio: ["inherit", "pipe", "inherit"],
      detached: true,
      shell: false,
    });
    return { output: child.stdout, ended: endOf(child), kill: (signal) => killGroup(child, signal) };
  } catch (error) {
    return { kind: "not-started", code: codeOf(error) };
  }
}

export interface StartedForeground {
  readonly child: { kill(signal: NodeJS.Signals): boolean };
  readonly ended: Promise<End>;
}

/** With this process's own streams, in its group. What it is for: `foreground.ts`. */
export function startForeground(
  file: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  cwd: string,
): StartedForeground | End {
  const [argv0 = "", ...rest] = argv;
  try {
    const child = spawn(file, rest, { argv0, cwd, env: environment, stdio: "inherit", shell: false });
    return { child, ended: endOf(child) };
  } catch (error) {
    return { kind: "not-started", code: codeOf(error) };
  }
}

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ kind: "not-started", code: codeOf(error) }));
    child.on("exit", (status, signal) =>
      resolve(signal === null ? { kind: "exited", status: status ?? 0 } : { kind: "killed", signal }),
    );
  });
}

/** After a program's end, without a word on pipes that are still open. */
const QUIET_MS = 100;
/** Between requests to end. */
const ASKING_MS = 100;
const QUIET = { turns: 10, most: 100 };

function follow(child: ChildProcess, program: Program, output: Output, finish: (end: End) => void): void {
  let late = false;
  let heard = 0;
  let left = program.keep ?? 4096;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child);
  }, program.limit);
  const { until } = program;
  let again: NodeJS.Timeout | undefined;
  // More than once: a program may not listen yet.
  const ask = (): void => {
    killGroup(child, "SIGTERM");
    again ??= setInterval(() => killGroup(child, "SIGTERM"), ASKING_MS);
  };
  if (until?.aborted === true) ask();
  until?.addEventListener("abort", ask, { once: true });
  child.on("exit", () => {
    until?.removeEventListener("abort", ask);
    clearInterval(again);
  });
  const collect = (chunk: Buffer, ...into: readonly Buffer[][]): void => {
    heard++;
    program.heard?.(chunk);
    if (left > 0) for (const list of into) list.push(chunk.subarray(0, left));
    left -= chunk.length;
  };
  child.stdout?.on("data", (chunk: Buffer) => collect(chunk, output.both, output.stdout));
  child.stderr?.on("data", (chunk: Buffer) => collect(chunk, output.both));
  // A program may end without having read it all.
  child.stdin?.on("error", () => {});
  child.stdin?.end(program.input);
  child.on("error", (error) => {
    clearTimeout(timer);
    clearInterval(again);
    finish({ kind: "not-started", code: codeOf(error) });
  });
  child.on("exit", (status, signal) => {
    clearTimeout(timer);
    let patience: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(patience);
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (late) finish({ kind: "timeout", limit: program.limit });
      else if (signal !== null) finish({ kind: "killed", signal });
      else finish({ kind: "exited", status: status ?? 0 });
    };
    // A child that stays behind as a daemon may hold the pipes open for ever. On a busy machine a timer comes before what
    // the pipes hold is read: each turn gives them a chance, and only turns without a word count.
    const quietly = (turns: number, most: number): void => {
      if (child.stdout?.closed === true && child.stderr?.closed === true) return;
      if (turns === 0 || most === 0) {
        end();
        return;
      }
      const before = heard;
      patience = setTimeout(
        () => setImmediate(() => quietly(heard === before ? turns - 1 : turns, most - 1)),
        QUIET_MS,
      );
    };
    child.on("close", end);
    quietly(QUIET.turns, QUIET.most);
  });
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}
