/** Local: the API in the same process, for a command that works on the store without a server. */
import type { Api } from "../api/api.ts";
import { type OperationName, operations } from "../api/operations.ts";
import type { RequestOf, ResponseOf } from "../api/shapes.ts";
import type { Caller } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import type { Principal } from "../model/principal.ts";
import type { Dispatch, RawInput } from "./dispatch.ts";
import { isStream } from "./handlers/handler.ts";
import { QueueSink } from "./queue-sink.ts";

export interface LocalNeeds {
  readonly dispatch: Dispatch;
  /** Ends what was opened for it: the service, the parts. */
  readonly close: () => Promise<void>;
}

/** Any operation's `RequestOf`. */
type LocalRequest = Partial<RawInput> & { readonly dryRun?: boolean };

/** @param by - Who calls. Permissions hold here as they do over HTTPS. */
export function createLocalApi({ dispatch, close }: LocalNeeds, by: Principal): Api {
  async function admit(
    name: OperationName,
    request: Partial<RawInput> & { dryRun?: boolean },
  ): Promise<Caller> {
    const { changes } = operations[name] as { changes?: true };
    if (request.dryRun === true && changes !== true)
      throw new KeywardError("usage", `${name}: takes no dry-run`);
    const caller: Caller = { by, ...(request.dryRun === true ? { dryRun: true } : {}) };
    const [resource = name] = Object.values((request.path ?? {}) as Record<string, string>);
    await dispatch.admit(name, caller, resource);
    return caller;
  }

  async function* stream<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    signal: AbortSignal,
  ): AsyncIterable<ResponseOf<N>> {
    if (!isStream(name)) throw new KeywardError("usage", `${name}: is not a stream`);
    const sink = new QueueSink();
    await dispatch.open(
      name,
      await admit(name, request as LocalRequest),
      inputOf(request as LocalRequest),
      sink,
    );
    for await (const line of sink.read(signal)) yield JSON.parse(line) as ResponseOf<N>;
  }

  return {
    call: async <N extends OperationName>(name: N, request: RequestOf<N>) =>
      await dispatch.perform(
        name,
        await admit(name, request as LocalRequest),
        inputOf(request as LocalRequest),
      ),
    stream,
    text: async (name) => String(await dispatch.perform(name, await admit(name, {}), inputOf({}))),
    close,
  };
}

/** As it would arrive over the wire: members that are `undefined` are not there. */
function inputOf(request: LocalRequest): RawInput {
  const { path = {}, query = {}, body } = request;
  return { path, query: sent(query), body: sent(body), connection: {} };
}

function sent(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
