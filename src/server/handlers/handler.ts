/** Handler: what answers one operation. The table of all is `handlers.ts`; a missing one does not compile. */
import { type OperationName, operations } from "../../api/operations.ts";
import type { ResponseOf } from "../../api/shapes.ts";
import type { Caller } from "../../audit/audit.ts";
import type { Input } from "../dispatch.ts";
import type { Sink } from "../sink.ts";

export type StreamName = "agent.watch" | "audit.tail";
export type TextName = "server.metrics" | "ca.crl";

/** `input` is validated; the act itself checks the permission. */
export type Handler<N extends OperationName> = N extends StreamName
  ? (caller: Caller, input: Input<N>, sink: Sink) => Promise<void>
  : N extends TextName
    ? (caller: Caller, input: Input<N>) => Promise<string>
    : (caller: Caller, input: Input<N>) => Promise<ResponseOf<N>>;

export type Handlers = { readonly [N in OperationName]: Handler<N> };

/** The handlers of the operations whose names begin with one noun. */
export type HandlersOf<Noun extends string> = {
  readonly [N in Extract<OperationName, `${Noun}.${string}`>]: Handler<N>;
};

export function isStream(name: OperationName): name is StreamName {
  return "stream" in operations[name];
}
