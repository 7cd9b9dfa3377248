/** Session: what one act runs with: the API for the operations that it declared, and its ways to speak. */
import type { Api } from "../api/api.ts";
import { type Operation, type OperationName, operations } from "../api/operations.ts";
import type { RequestOf, ResponseOf } from "../api/shapes.ts";
import { KeywardError } from "../base/errors.ts";
import { variable } from "./environment.ts";
import { createOutput, type Output, parseFormat } from "./output.ts";
import { createProgress, type Progress } from "./progress.ts";
import { type ConnectionFlags, findTarget, type Target } from "./target.ts";
import type { World } from "./world.ts";

type NotJson = "server.metrics" | "ca.crl";

export interface Session<C extends OperationName = OperationName> {
  readonly world: World;
  readonly out: Output;
  readonly progress: Progress;
  /** Nothing will be written, and the answer says what would be. */
  readonly dryRun: boolean;
  /** Where the operations go. */
  target(): Target;
  /** @throws KeywardError as `Api.call` */
  call<N extends C>(operation: N, request: RequestOf<N>): Promise<ResponseOf<N>>;
  stream<N extends C>(operation: N, request: RequestOf<N>): AsyncIterable<ResponseOf<N>>;
  text(operation: NotJson & C): Promise<string>;
  /** Call another server than the flags say. */
  use(api: Api): void;
  close(): Promise<void>;
}

interface SessionFlags extends ConnectionFlags {
  readonly output?: string;
  readonly "dry-run"?: boolean;
}

export function createSession(calls: readonly OperationName[], flags: SessionFlags, world: World): Session {
  const format = formatOf(flags, world);
  const dryRun = flags["dry-run"] === true;
  let target: Target | undefined;
  let api: Promise<Api> | undefined;

  function findOnce(): Target {
    target ??= findTarget(flags, world);
    return target;
  }

  function connectFor(operation: OperationName): Promise<Api> {
    if (!calls.includes(operation)) throw new Error(`the command does not declare ${operation}`);
    api ??= world.connect(findOnce(), world);
    return api;
  }

  const withDryRun = <N extends OperationName>(operation: N, request: RequestOf<N>): RequestOf<N> =>
    dryRun && (operations[operation] as Operation).changes === true ? { ...request, dryRun } : request;

  return {
    world,
    out: createOutput(world, format),
    progress: createProgress(world.stderr, format),
    dryRun,
    target: findOnce,
    async call(operation, request) {
      return await (await connectFor(operation)).call(operation, withDryRun(operation, request));
    },
    async *stream(operation, request) {
      yield* (await connectFor(operation)).stream(operation, request, world.interrupted);
    },
    text: async (operation) => await (await connectFor(operation)).text(operation),
    use(given) {
      api = Promise.resolve(given);
    },
    async close() {
      await (await api?.catch(() => undefined))?.close();
    },
  };
}

/** @throws KeywardError `usage` */
export function formatOf(flags: { readonly output?: string }, world: Pick<World, "env">): Output["format"] {
  if (flags.output !== undefined) return parseFormat(flags.output, "--output");
  const format = variable(world.env, "KEYWARD_FORMAT");
  return format === undefined ? "table" : parseFormat(format, "KEYWARD_FORMAT");
}

/** For a command that found nothing to do what was asked with. */
export function usage(message: string, hint?: string): KeywardError {
  return new KeywardError("usage", message, hint === undefined ? {} : { hint });
}
