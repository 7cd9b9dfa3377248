/**
 * Process: runs a program of the host. The only file that spawns one.
 *
 * Arguments are an array and no shell sees them. The environment is empty but for what is handed in, the
 * working directory is `/`, standard input is closed, and output beyond the limit is read and dropped. The
 * program gets a process group of its own, so that its time limit ends its children too.
 */
import { type ChildProcess, spawn } from "node:child_process";
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
}

export type End =
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "killed"; readonly signal: string }
  | { readonly kind: "timeout"; readonly limit: DurationMs }
  /** `code`: the system's, as ENOENT. */
  | { readonly kind: "not-started"; readonly code: string };

export interface Ran {
  readonly end: End;
  readonly output: Uint8Array;
}

/** Never throws: how it ended is the answer. */
export type RunProgram = (program: Program) => Promise<Ran>;

export const runProgram: RunProgram = (program) =>
  new Promise((resolve) => {
    const output: Buffer[] = [];
    const finish = (end: End): void => resolve({ end, output: Buffer.concat(output) });
    try {
      follow(start(program), program, output, finish);
    } catch (error) {
      finish({ kind: "not-started", code: codeOf(error) });
    }
  });

function start({ argv, environment }: Program): ChildProcess {
  const [name = "", ...rest] = argv;
  return spawn(name, rest, {
    cwd: "/",
    env: { PATH: PROGRAM_PATH, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    shell: false,
  });
}

function follow(child: ChildProcess, program: Program, output: Buffer[], finish: (end: End) => void): void {
  let late = false;
  let left = program.keep ?? 4096;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child);
  }, program.limit);
  const collect = (chunk: Buffer): void => {
    if (left > 0) output.push(chunk.subarray(0, left));
    left -= chunk.length;
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  child.on("error", (error) => {
    clearTimeout(timer);
    finish({ kind: "not-started", code: codeOf(error) });
  });
  child.on("exit", (status, signal) => {
    clearTimeout(timer);
    const end = (): void => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (late) finish({ kind: "timeout", limit: program.limit });
      else if (signal !== null) finish({ kind: "killed", signal });
      else finish({ kind: "exited", status: status ?? 0 });
    };
    // A child that stays behind as a daemon may hold the pipes open for ever.
    const patience = setTimeout(end, 100);
    child.on("close", () => {
      clearTimeout(patience);
      end();
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}
