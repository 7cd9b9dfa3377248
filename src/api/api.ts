/**
 * API: the contract between callers and the server. `Api` is what both the HTTPS client and a server in the
 * same process offer, so that a command works the same with and without an address.
 */
import type { OperationName } from "./operations.ts";
import type { RequestOf, ResponseOf } from "./shapes.ts";

export interface Api {
  /** @throws KeywardError as the server answered it, or `unreachable`. */
  call<N extends OperationName>(operation: N, request: RequestOf<N>): Promise<ResponseOf<N>>;

  /** For operations that stream: each line as it comes, until the signal or the server ends it. */
  stream<N extends OperationName>(
    operation: N,
    request: RequestOf<N>,
    signal: AbortSignal,
  ): AsyncIterable<ResponseOf<N>>;

  /** For the operations whose answer is not JSON. */
  text(operation: "server.metrics" | "ca.crl"): Promise<string>;

  close(): Promise<void>;
}
