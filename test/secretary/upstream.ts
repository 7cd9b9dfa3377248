/**
 * A server that answers as the recorded Marathon and Mesos did: by method and path, each answer as often as it is asked
 * for. What was asked is kept. It cannot be the real thing: neither runs on a test machine.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface RecordedCall {
  readonly target: string;
  readonly request: { readonly requestLine: string; readonly body: string };
  readonly response: {
    readonly status: number;
    readonly headers?: readonly (readonly [string, string])[];
    readonly body?: string;
  } | null;
}

export interface UpstreamServer {
  readonly url: string;
  /** `GET /v2/apps/…`, in order. */
  readonly asked: string[];
  /** Answer like this from now on. */
  serve(calls: readonly RecordedCall[]): void;
  /** Take over, for what no recording has. @returns Whether it answered. */
  answer: ((request: IncomingMessage, response: ServerResponse) => boolean) | null;
  close(): Promise<void>;
}

export async function startUpstream(calls: readonly RecordedCall[] = []): Promise<UpstreamServer> {
  const answers = new Map<string, NonNullable<RecordedCall["response"]>>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    const line = `${request.method} ${request.url}`;
    asked.push(line);
    if (upstream.answer?.(request, response) === true) return;
    const found = answers.get(line);
    if (found === undefined) {
      response.writeHead(404).end('{"message":"not recorded"}');
      return;
    }
    const headers = (found.headers ?? []).filter(
      ([name]) => !/^(?:date|content-length|transfer-encoding)$/i.test(name),
    );
    // the recording's own addresses are not there any more
    const here = headers.map(([name, value]) => [
      name,
      value.replace(/^(?:http:)?\/\/127\.0\.0\.1:\d+/, upstream.url),
    ]);
    response.writeHead(found.status, here.flat());
    response.end(found.body ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const upstream: UpstreamServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: null,
    serve(next) {
      answers.clear();
      for (const { request, response } of next)
        if (response !== null) answers.set(request.requestLine.replace(/ HTTP\/1\.1$/, ""), response);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  upstream.serve(calls);
  return upstream;
}
