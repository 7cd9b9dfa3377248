/** World: what a command touches outside of itself, handed in so that a test can stand in its place. */
import { homedir } from "node:os";
import type { Api } from "../api/api.ts";
import type { Secret } from "../base/secret.ts";
import { type Clock, systemClock } from "../base/time.ts";
import type { Environment } from "./environment.ts";
import type { Asking } from "./prompt.ts";
import { systemCmdline, systemEnviron } from "./secretary/environ.ts";
import type { Target } from "./target.ts";

export interface Sink {
  write(chunk: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
}

export interface Source extends AsyncIterable<Uint8Array> {
  readonly isTTY?: boolean;
}

export interface World {
  readonly env: Environment;
  /** The environment's bytes, `NAME=VALUE` and NUL; absent or `null`: `env` is all there is. */
  readonly environ?: () => Uint8Array | null;
  /** The command line's bytes, each word ended by NUL; absent or `null`: what was typed is text. */
  readonly cmdline?: () => Uint8Array | null;
  readonly home: string;
  readonly cwd: string;
  readonly stdin: Source;
  /** The same as a descriptor, where it is one: reading it so starts sooner by what a stream costs to set up. */
  readonly stdinFd?: number;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly clock: Clock;
  /** Aborted by Ctrl-C or SIGTERM. Whoever reads this ends by itself then; nobody else is kept from ending. */
  readonly interrupted: AbortSignal;
  /** What is typed at the terminal, without echo. @throws KeywardError `usage` when there is no terminal. */
  askSecret(question: string, asking?: Asking): Promise<Secret>;
  connect(target: Target, world: World): Promise<Api>;
}

/** @param sinks - Others than the runtime's streams. */
export function systemWorld(sinks: Pick<World, "stdout" | "stderr"> = streams()): World {
  let interrupted: AbortSignal | undefined;
  return {
    env: process.env,
    environ: systemEnviron,
    cmdline: systemCmdline,
    get home() {
      return homedir();
    },
    cwd: process.cwd(),
    get stdin() {
      return process.stdin;
    },
    stdinFd: 0,
    ...sinks,
    clock: systemClock,
    get interrupted() {
      interrupted ??= interruption();
      return interrupted;
    },
    askSecret: async (question, asking) => (await import("./prompt.ts")).askSecret(question, asking),
    connect: async (target, world) => (await import("./connect.ts")).connect(target, world),
  };
}

function streams(): Pick<World, "stdout" | "stderr"> {
  endQuietlyWhenNobodyReads(process.stdout);
  return { stdout: process.stdout, stderr: process.stderr };
}

/** `keyward audit list | head` is not an error. */
function endQuietlyWhenNobodyReads(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** The first signal asks the command to end; the second ends it. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      controller.abort();
      process.once(signal, () => process.exit(130));
    });
  }
  return controller.signal;
}
