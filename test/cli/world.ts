/** A world for one command in this process: what is typed goes in, what it printed and called comes out. */
import type { Api } from "../../src/api/api.ts";
import type { OperationName } from "../../src/api/operations.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import type { UnixMs } from "../../src/base/time.ts";
import { findCommand } from "../../src/cli/commands.ts";
import type { World } from "../../src/command/world.ts";

export interface Call {
  readonly operation: OperationName;
  readonly request: {
    readonly path?: unknown;
    readonly query?: unknown;
    readonly body?: Readonly<Record<string, unknown>>;
    readonly dryRun?: boolean;
  };
}

export interface Typed {
  readonly stdin?: string | Uint8Array;
  /** stdin, stdout and stderr are terminals. */
  readonly terminal?: boolean;
  /** What is typed without echo, one after the other. */
  readonly typed?: readonly string[];
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** What each operation answers; a function sees the request; an error is thrown. */
  readonly answers?: Readonly<Record<string, unknown>>;
}

export interface Printed {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly Call[];
}

/** `type(["key", "get", "a"], { answers: { "key.get": … } })` */
export async function type(words: readonly string[], typed: Typed = {}): Promise<Printed> {
  const [name = "", ...rest] = words;
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  const calls: Call[] = [];
  const world = createWorld(typed, calls, out, errors);
  const command = (await findCommand(name)?.load())?.command;
  if (command === undefined) throw new Error(`no command ${name}`);
  const status = await command.run(rest, world);
  return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(errors).toString(), calls };
}

function createWorld(typed: Typed, calls: Call[], out: Buffer[], errors: Buffer[]): World {
  const { terminal = false, stdin = "", env = {}, cwd = "/nowhere" } = typed;
  const answers = [...(typed.typed ?? [])];
  const bytes = typeof stdin === "string" ? utf8(stdin) : stdin;
  return {
    env,
    home: cwd,
    cwd,
    stdin: Object.assign(
      (async function* () {
        yield Uint8Array.from(bytes);
      })(),
      { isTTY: terminal },
    ),
    stdout: { write: (chunk) => void out.push(Buffer.from(chunk as string)), isTTY: terminal },
    stderr: { write: (chunk) => void errors.push(Buffer.from(chunk as string)), isTTY: terminal },
    clock: () => 1_700_000_000_000 as UnixMs,
    interrupted: new AbortController().signal,
    askSecret: async () => Secret.fromText(answers.shift() ?? ""),
    connect: async () => createAnswering(typed.answers ?? {}, calls),
  };
}

function createAnswering(answers: Readonly<Record<string, unknown>>, calls: Call[]): Api {
  const answer = (operation: OperationName, request: unknown): unknown => {
    // A copy, because a caller may wipe what it sent.
    calls.push({ operation, request: structuredClone(request) as Call["request"] });
    const found = answers[operation];
    if (found instanceof Error) throw found;
    if (found === undefined) throw new Error(`no answer to ${operation}`);
    return typeof found === "function" ? found(request) : found;
  };
  return {
    call: async (operation, request) => answer(operation, request) as never,
    stream: async function* (operation, request) {
      yield* answer(operation, request) as never[];
    },
    text: async (operation) => answer(operation, {}) as string,
    close: async () => {},
  };
}
