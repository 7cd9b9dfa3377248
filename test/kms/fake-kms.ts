/** The service over HTTP: AWS JSON 1.1, every request's signature checked, trouble on demand, a record of calls. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type Body, createService, type Service, ServiceError } from "./service.ts";
import { type Account, checkSignature } from "./signature.ts";

/** What happens to the next request instead of its answer. */
export type Trouble =
  | { readonly kind: "error"; readonly status: number; readonly name: string }
  | {
      readonly kind: "raw";
      readonly status: number;
      readonly body: string;
      readonly headers?: Record<string, string>;
    }
  /** No answer at all. */
  | { readonly kind: "silence" }
  | { readonly kind: "hang-up" }
  /** An answer without end. */
  | { readonly kind: "flood" };

export interface Call {
  readonly operation: string;
  readonly body: Body;
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
}

export interface FakeKms {
  readonly endpoint: string;
  readonly region: string;
  readonly account: Account;
  readonly service: Service;
  readonly calls: Call[];
  /** For the next requests, one each. */
  readonly troubles: Trouble[];
  /** Its clock is so much ahead. */
  skewMs: number;
  /** Every connection breaks. */
  away: boolean;
  /** Answers wait so long. */
  delayMs: number;
  /** Answers to the same operation and body, instead of the service's. */
  readonly recorded: { readonly operation: string; readonly body: string; readonly answer: string }[];
  stop(): Promise<void>;
}

export const fakeAccount: Account = {
  accessKeyId: "AKIDEXAMPLE000000000",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

export async function startFakeKms(
  options: {
    readonly region?: string;
    readonly account?: Account;
    readonly tls?: {
      readonly cert: string;
      readonly key: string;
      readonly maxVersion?: "TLSv1.1" | "TLSv1.3";
    };
  } = {},
): Promise<FakeKms> {
  const { region = "eu-west-1", account = fakeAccount, tls } = options;
  const service = createService(region);
  const fake: Omit<FakeKms, "endpoint" | "stop"> = {
    region,
    account,
    service,
    calls: [],
    troubles: [],
    skewMs: 0,
    away: false,
    delayMs: 0,
    recorded: [],
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const operation = String(request.headers["x-amz-target"] ?? "").replace(/^TrentService\./, "");
    const note = (status: number): void =>
      void fake.calls.push({ operation, body: readJson(body), status, headers: request.headers });
    const send = (status: number, content: string, headers: Record<string, string> = {}): void => {
      note(status);
      response.writeHead(status, {
        "content-type": "application/x-amz-json-1.1",
        "x-amzn-requestid": randomUUID(),
        date: new Date(Date.now() + fake.skewMs).toUTCString(),
        ...headers,
      });
      response.end(content);
    };
    const refuse = (status: number, name: string, message: string): void =>
      send(status, JSON.stringify({ __type: name, message }));

    const trouble = fake.troubles.shift();
    if (fake.away) return cause({ kind: "hang-up" });
    if (trouble !== undefined) return cause(trouble);
    if (fake.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, fake.delayMs));
    if (request.method !== "POST" || request.url !== "/") return refuse(404, "UnknownOperationException", "");
    const { headers } = request;
    const refusal = checkSignature({ method: "POST", path: "/", headers, body }, [account], {
      region,
      now: Date.now() + fake.skewMs,
    });
    if (refusal !== null) return refuse(400, refusal.name, refusal.message);
    if (headers["content-type"] !== "application/x-amz-json-1.1")
      return refuse(400, "SerializationException", "content type");
    const found = fake.recorded.find((one) => one.operation === operation && one.body === body.toString());
    if (found !== undefined) return send(200, found.answer);
    try {
      send(200, JSON.stringify(service.run(operation, JSON.parse(body.toString()) as Body)));
    } catch (error) {
      if (error instanceof ServiceError) refuse(error.status, error.name, error.message);
      else refuse(400, "SerializationException", "");
    }

    function cause(what: Trouble): void {
      switch (what.kind) {
        case "error":
          refuse(what.status, what.name, "told to say so");
          break;
        case "raw":
          send(what.status, what.body, what.headers);
          break;
        case "silence":
          note(0);
          break;
        case "hang-up":
          note(0);
          request.socket.destroy();
          break;
        case "flood": {
          note(200);
          response.writeHead(200, { "content-type": "application/x-amz-json-1.1" });
          const more = (): void => {
            while (!response.destroyed && response.write("x".repeat(65_536)));
            if (!response.destroyed) response.once("drain", more);
          };
          more();
        }
      }
    }
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void handle(request, response).catch(() => response.destroy());
  const server =
    tls === undefined ? createServer(listener) : createTlsServer({ ...tls, minVersion: "TLSv1" }, listener);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(fake, {
    endpoint: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function readJson(body: Buffer): Body {
  try {
    return JSON.parse(body.toString()) as Body;
  } catch {
    return {};
  }
}
