/** World: what a command touches outside of itself, handed in so that a test can stand in its place. */
import type { Api } from "../api/api.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import type { Environment } from "./environment.ts";
import type { Asking } from "./prompt.ts";
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
