/** Handler: what answers one operation. The table of all is `handlers.ts`; a missing one does not compile. */
import { type OperationName, operations } from "../../api/operations.ts";
import type { ResponseOf } from "../../api/shapes.ts";
import type { Caller } from "../../audit/audit.ts";
import { KeywardError } from "../../base/errors.ts";
import type { Input } from "../dispatch.ts";
import type { Sink } from "../sink.ts";

export type StreamName = "agent.watch" | "audit.tail" | "push.run";
export type TextName = "server.metrics" | "ca.crl";

/** Answers are only read, so what a room hands out need not be copied. */
export type Answer<T> = T extends readonly (infer One)[]
  ? readonly Answer<One>[]
  : T extends object
    ? { readonly [K in keyof T]: Answer<T[K]> }
    : T;

/** `input` is validated; the act itself checks the permission. */
export type Handler<N extends OperationName> = N extends StreamName
  ? (caller: Caller, input: Input<N>, sink: Sink) => Promise<void> | void
  : N extends TextName
    ? (caller: Caller, input: Input<N>) => Promise<string>
    : (caller: Caller, input: Input<N>) => Promise<Answer<ResponseOf<N>>> | Answer<ResponseOf<N>>;

export type Handlers = { readonly [N in OperationName]: Handler<N> };

/** The handlers of the operations whose names begin with one noun. */
export type HandlersOf<Noun extends string> = {
  readonly [N in Extract<OperationName, `${Noun}.${string}`>]: Handler<N>;
};

export function isStream(name: OperationName): name is StreamName {
  return "stream" in operations[name];
}

/** Query members are text; those that are numbers have the shape of one. */
export function numberOr<T>(text: string | undefined, absent: T): number | T {
  return text === undefined ? absent : Number(text);
}

/** How many a page has: 100 unless asked, 1,000 at most. */
export function limitOf(text: string | undefined): number {
  const limit = numberOr(text, 100);
  if (limit >= 1 && limit <= 1000) return limit;
  throw new KeywardError("usage", "limit: want 1 to 1000");
}
