/**
 * The load on a daemon of Secretary, and the Marathon and Mesos that it asks, in a process of its own. Every request is
 * sealed afresh, every answer is opened and compared. One job a message; its answer is one message.
 */
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { systemClock } from "../src/base/time.ts";
import { systemRandom } from "../src/crypto/random.ts";
import { openResponse, sealRequest } from "../src/formats/secretary/exchange.ts";
import { encodeForm } from "../src/formats/secretary/form.ts";
import type { LayerKeys } from "../src/formats/secretary/layers.ts";
import type { DecryptRequest } from "../src/formats/secretary/request.ts";
import { keyBetween, load } from "../test/vectors/secretary/load.ts";

export type Kind = "deploy" | "deploy-and-service" | "mesos";

export interface Job {
  readonly kind: Kind;
  readonly port: number;
  readonly clients: number;
  readonly ms: number;
  /** With what our client adds, which the original ignores. */
  readonly ours: boolean;
}

export interface Done {
  readonly count: number;
  /** Of all requests, milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

interface Recorded {
  readonly name: string;
  readonly exchanges: readonly {
    readonly upstream: readonly { request: { requestLine: string }; response: { body: string } }[];
    readonly requestLayers: readonly { openWith: { publicKey: string } }[];
    readonly requestJson: Readonly<
      Record<"AppID" | "AppVersion" | "TaskID" | "RequestedSecret" | "Key", string>
    >;
    readonly plaintext_b64: string;
  }[];
}

const cases = load("daemon-exchanges").cases as readonly Recorded[];
const names: Readonly<Record<Kind, string>> = {
  deploy: "marathon-deploy-key-only-stdin",
  "deploy-and-service": "marathon-deploy-and-service-key-stdin",
  mesos: "mesos-deploy-key-only-no-app-id",
};
const TASKS = 101;

function recorded(kind: Kind): Recorded["exchanges"][number] {
  const found = cases.find(({ name }) => name === names[kind])?.exchanges[0];
  if (found === undefined) throw new Error(`no recording of ${kind}`);
  return found;
}

/** The recorded answers; the list of tasks with as many more put in front as make it one of 101. */
function upstreamAnswers(): Map<string, string> {
  const answers = new Map<string, string>();
  for (const kind of Object.keys(names) as Kind[])
    for (const { request, response } of recorded(kind).upstream)
      answers.set(request.requestLine.replace(/ HTTP\/1\.1$/, ""), response.body);
  const list = JSON.parse(answers.get("POST /api/v1") ?? "");
  const { tasks } = list.get_tasks;
  const more = Array.from({ length: TASKS - tasks.length }, (_, i) => {
    const copy = structuredClone(tasks[1 + (i % 2)]);
    copy.task_id.value = `filler-${i}.${copy.task_id.value}`;
    return copy;
  });
  list.get_tasks.tasks = [...more, ...tasks];
  answers.set("POST /api/v1", JSON.stringify(list));
  return answers;
}

async function startUpstream(): Promise<number> {
  const answers = upstreamAnswers();
  const server = createServer((request, response) => {
    request.resume();
    const body = answers.get(`${request.method} ${request.url}`);
    response
      .writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" })
      .end(body ?? "{}");
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function createClient({ kind, ours }: Job) {
  const { requestLayers, requestJson, plaintext_b64 } = recorded(kind);
  const [deploy, service] = requestLayers.map(({ openWith }) =>
    keyBetween("master.private", openWith.publicKey),
  );
  if (deploy === undefined) throw new Error("no layer");
  const keys: LayerKeys = service === undefined ? { deploy } : { deploy, service };
  const { AppID, AppVersion, TaskID, RequestedSecret, Key } = requestJson;
  const base = {
    appId: AppID,
    appVersion: AppVersion,
    taskId: TaskID,
    requestedSecret: RequestedSecret,
    key: Key,
  };
  let count = 0;
  return {
    next() {
      const requestId = `bench-${++count}`;
      const request: DecryptRequest = ours ? { ...base, requestId, timestamp: systemClock() } : base;
      const { envelope, nonces } = sealRequest(keys, request, systemRandom);
      const form = encodeForm({ appId: AppID, appVersion: AppVersion, taskId: TaskID, envelope });
      const head = `POST /v1/decrypt HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n`;
      return { text: head + form, asked: { nonces, ...(ours ? { requestId } : {}) } };
    },
    check(status: number, body: string, asked: { readonly nonces: readonly Uint8Array[] }) {
      if (status !== 200) throw new Error(`answered ${status}: ${body}`);
      const { value } = openResponse(keys, body, asked);
      if (Buffer.from(value.reveal()).toString("base64") !== plaintext_b64) throw new Error("another value");
    },
  };
}

/** Answers come one after the other, with their length. */
function exchange(socket: Socket, text: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    let all = "";
    const take = (chunk: Buffer): void => {
      all += chunk.toString("latin1");
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(all)?.[1] ?? 0);
      if (all.length < end + 4 + length) return;
      socket.off("data", take).off("error", reject);
      resolve({ status: Number(all.slice(9, 12)), body: all.slice(end + 4) });
    };
    socket.on("data", take).once("error", reject);
    socket.write(text);
  });
}

async function run(job: Job): Promise<Done> {
  const client = createClient(job);
  const until = performance.now() + job.ms;
  const times: number[] = [];
  const loop = async (): Promise<void> => {
    const socket = connect({ port: job.port, host: "127.0.0.1", noDelay: true });
    while (performance.now() < until) {
      const { text, asked } = client.next();
      const start = performance.now();
      const { status, body } = await exchange(socket, text);
      times.push(performance.now() - start);
      client.check(status, body, asked);
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: job.clients }, loop));
  times.sort((a, b) => a - b);
  const at = (part: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { count: times.length, p50: at(0.5), p99: at(0.99) };
}

process.on("message", async (job: Job) => process.send?.(await run(job)));
process.send?.({ port: await startUpstream() });
