/**
 * A load on the API from a process of its own, as cheap as it can be made, since it shares the machine: TLS sockets
 * and requests that are written down once. One job a message; its answer is one message.
 */
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Target {
  readonly port: number;
  readonly ca: readonly string[];
}

export type Job = Target &
  (
    | {
        readonly kind: "requests";
        readonly requests: readonly string[];
        readonly connections: number;
        readonly ms: number;
      }
    | { readonly kind: "connect"; readonly pair: Pair; readonly atOnce: number; readonly ms: number }
    | { readonly kind: "watch"; readonly pairs: readonly Pair[] }
  );

export interface Done {
  readonly count: number;
  /** Milliseconds for each request, in no order. */
  readonly times: readonly number[];
}

const held: TLSSocket[] = [];

function open({ port, ca }: Target, pair?: Pair, context?: SecureContext): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secureContext = context ?? contextOf({ port, ca }, pair);
    const socket = connect({ port, host: "127.0.0.1", servername: "localhost", secureContext });
    socket.once("secureConnect", () => resolve(socket)).once("error", reject);
  });
}

function contextOf({ ca }: Target, pair?: Pair): SecureContext {
  return createSecureContext({ ca: [...ca], minVersion: "TLSv1.3", ...(pair ?? {}) });
}

/** Answers have a content-length and come one after the other. @returns the status line's code */
function exchange(socket: TLSSocket, request: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    const take = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = /content-length: (\d+)/i.exec(text)?.[1];
      if (text.length < end + 4 + Number(length)) return;
      socket.off("data", take).off("error", reject);
      resolve(Number(text.slice(9, 12)));
    };
    socket.on("data", take).once("error", reject);
    socket.write(request);
  });
}

async function requests(job: Extract<Job, { kind: "requests" }>): Promise<Done> {
  const context = contextOf(job);
  const sockets = await Promise.all(
    Array.from({ length: job.connections }, () => open(job, undefined, context)),
  );
  const times: number[] = [];
  const end = performance.now() + job.ms;
  let next = 0;
  const one = async (socket: TLSSocket): Promise<void> => {
    for (let start = performance.now(); start < end; start = performance.now()) {
      const status = await exchange(socket, job.requests[next++ % job.requests.length] ?? "");
      if (status !== 200) throw new Error(`answered ${status}`);
      times.push(performance.now() - start);
    }
  };
  await Promise.all(sockets.map(one));
  for (const socket of sockets) socket.destroy();
  return { count: times.length, times };
}

async function connections(job: Extract<Job, { kind: "connect" }>): Promise<Done> {
  const context = contextOf(job, job.pair);
  const body = '{"held":[]}';
  const request = `POST /v1/bundle HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const end = performance.now() + job.ms;
  let count = 0;
  const one = async (): Promise<void> => {
    while (performance.now() < end) {
      const socket = await open(job, undefined, context);
      if ((await exchange(socket, request)) !== 200) throw new Error("refused");
      socket.destroy();
      count++;
    }
  };
  await Promise.all(Array.from({ length: job.atOnce }, one));
  return { count, times: [] };
}

async function watch(job: Extract<Job, { kind: "watch" }>): Promise<Done> {
  const body = '{"held":[]}';
  const request = `POST /v1/watch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const queue = [...job.pairs];
  const one = async (): Promise<void> => {
    for (let pair = queue.shift(); pair !== undefined; pair = queue.shift()) {
      const socket = await open(job, pair);
      held.push(socket);
      socket.write(request);
      await new Promise((resolve) => socket.once("data", resolve));
      socket.resume();
    }
  };
  await Promise.all(Array.from({ length: 16 }, one));
  return { count: job.pairs.length, times: [] };
}

function perform(job: Job): Promise<Done> {
  switch (job.kind) {
    case "requests":
      return requests(job);
    case "connect":
      return connections(job);
    case "watch":
      return watch(job);
  }
}

process.on("message", (job: Job) => void perform(job).then((done) => process.send?.(done)));
