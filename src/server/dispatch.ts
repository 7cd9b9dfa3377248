/**
 * Dispatch: one way for every call, over HTTPS or in the same process. Gate by the table, validate, hand over.
 * Permission on the resource itself, and the event, are the act's own first step (`Journal.act`).
 */
import type { Access, OperationName } from "../api/operations.ts";
import { operations } from "../api/operations.ts";
import type { BodyOf, PathOf, QueryOf, ResponseOf } from "../api/shapes.ts";
import type { Caller, Journal } from "../audit/audit.ts";
import type { Floodgate } from "../audit/floodgate.ts";
import { isKeywardError } from "../base/errors.ts";
import { formatPrincipal, type Principal } from "../model/principal.ts";
import type { RootKey } from "../seal/root-key.ts";
import { actionOf, assertAdmitted, assertServing } from "./gate.ts";
import { type Handlers, isStream, type StreamName } from "./handlers/handler.ts";
import type { Sink } from "./sink.ts";
import { validate } from "./validate.ts";

/** What is known of the connection that a call came by; nothing in the same process. */
export interface Connection {
  /** The network address, for events. */
  readonly from?: string;
  /** Of the node's certificate. */
  readonly generation?: number;
  /** Who the caller is by now, for streams. @throws KeywardError when it may no longer speak. */
  readonly again?: () => Promise<Principal>;
}

/** A call's parts after validation. */
export interface Input<N extends OperationName = OperationName> {
  readonly path: PathOf<N>;
  readonly query: QueryOf<N>;
  readonly body: BodyOf<N>;
  readonly connection: Connection;
}

/** The parts as they came. */
export interface RawInput {
  readonly path: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly connection: Connection;
}

export interface Dispatch {
  /**
   * May this caller go on to send a body? A refusal has its event.
   *
   * @param resource - What the path names, for the event.
   * @throws KeywardError `sealed`, `uninitialised`, `unauthenticated`, `denied`
   */
  admit(name: OperationName, caller: Caller, resource: string): Promise<void>;

  /** @throws KeywardError `usage` for input that the shape refuses; whatever the room throws. */
  perform<N extends OperationName>(name: N, caller: Caller, input: RawInput): Promise<ResponseOf<N>>;

  /** Opens a stream; it goes on until the sink is closed or the server ends it. */
  open(name: StreamName, caller: Caller, input: RawInput, sink: Sink): Promise<void>;
}

export interface DispatchNeeds {
  readonly rootKey: Pick<RootKey, "state">;
  readonly journal: Pick<Journal, "note">;
  readonly handlers: Handlers;
  /** For refusals of someone unknown. */
  readonly floodgate: Floodgate;
}

export function createDispatch({ rootKey, journal, handlers, floodgate }: DispatchNeeds): Dispatch {
  async function noteRefusal(caller: Caller, access: Access, resource: string): Promise<void> {
    const passed = caller.by.kind === "anonymous" ? floodgate.pass() : { heldBack: 0 };
    if (passed === null) return;
    const detail = {
      ...(caller.request === undefined ? {} : { request: caller.request }),
      ...(passed.heldBack === 0 ? {} : { heldBack: passed.heldBack }),
    };
    const by = formatPrincipal(caller.by);
    await journal.note({ by, action: actionOf(access), resource, outcome: "denied", detail });
  }

  function checked(name: OperationName, input: RawInput): Input {
    const { path, query, body } = input;
    validate(name, "path", path);
    validate(name, "query", query);
    validate(name, "body", body);
    return input as Input;
  }

  return {
    async admit(name, caller, resource) {
      const operation = operations[name];
      assertServing(operation, rootKey.state);
      try {
        assertAdmitted(caller.by, operation.access);
      } catch (error) {
        if (isKeywardError(error, "denied") || isKeywardError(error, "unauthenticated"))
          await noteRefusal(caller, operation.access, resource);
        throw error;
      }
    },
    async perform<N extends OperationName>(name: N, caller: Caller, input: RawInput) {
      const handle = handlers[name] as (caller: Caller, input: Input) => Promise<ResponseOf<N>>;
      return await handle(caller, checked(name, input));
    },
    async open(name, caller, input, sink) {
      if (!isStream(name)) throw new Error(`${name} is not a stream`);
      const open = handlers[name] as (caller: Caller, input: Input, sink: Sink) => Promise<void>;
      await open(caller, checked(name, input), sink);
    },
  };
}
