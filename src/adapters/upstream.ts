/**
 * Upstream: an HTTP service that is asked for JSON. Connections are kept and few, every question has one deadline from
 * first to last byte, and an answer beyond its limit is cut off unread. Redirects are not followed; nothing that the
 * service says is repeated in an error.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { KeywardError } from "../base/errors.ts";

export interface UpstreamOptions {
  /** Names the service in errors: `Marathon`. */
  readonly what: string;
  /** `http://` or `https://`, with a user and password where there are some. */
  readonly url: URL;
  /** From the question to the end of its answer; 10 s unless given. */
  readonly deadlineMs?: number;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: readonly string[];
  /** At once; 16 unless given. */
  readonly connections?: number;
}

export interface Question {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Escaped, from `/` on. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of an answer. */
  readonly limit: number;
}

export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

export interface Upstream {
  /** Whatever its status. @throws KeywardError as `ask`, but for statuses */
  exchange(question: Question): Promise<Answer>;

  /**
   * The body of an answer of status 2xx.
   *
   * @throws KeywardError `not-found` for 404; `timeout`; `too-large`; `unreachable` for everything else, with `Redirected`
   *   as its cause when the service sent us elsewhere.
   */
  ask(question: Question): Promise<Uint8Array>;

  /** An answer without end: its head must come within the deadline. The signal ends it. @throws as `ask` */
  follow(question: Question, signal: AbortSignal): Promise<IncomingMessage>;

  close(): void;
}

/** Where a redirect pointed, for who may follow it. */
export class Redirected extends Error {
  readonly status: number;
  readonly location: string;
  constructor(status: number, location: string) {
    super("redirected");
    this.status = status;
    this.location = location;
  }
}

const DEADLINE_MS = 10_000;
const CONNECTIONS = 16;

/** @throws KeywardError `usage` when it is no address of a service. */
export function parseUpstreamUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const known = url?.protocol === "http:" || url?.protocol === "https:";
  // the text may hold a password
  if (url === null || !known || url.search !== "" || url.hash !== "")
    throw new KeywardError("usage", `${what}: not an address`, {
      hint: "want http://HOST:PORT or https://HOST:PORT",
    });
  return url;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { what, url, deadlineMs = DEADLINE_MS, connections = CONNECTIONS } = options;
  const isTls = url.protocol === "https:";
  const kept = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
  const agent = isTls ? new HttpsAgent({ ...kept, ...tlsOf(options) }) : new HttpAgent(kept);
  const request = isTls ? httpsRequest : httpRequest;
  const base = url.pathname.replace(/\/+$/, "");
  const fixed = {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port),
    agent,
    ...(url.username === ""
      ? {}
      : { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` }),
  };

  /** @returns The answer's head. */
  function send(question: Question, signal: AbortSignal): Promise<IncomingMessage> {
    const { method, path, body, headers = {} } = question;
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const sent = request({
        ...fixed,
        method,
        path: base + path,
        headers: { ...headers, ...length },
        signal,
      });
      sent.on("response", resolve);
      sent.on("error", (error) =>
        reject(isStale(error, sent.reusedSocket) ? new Stale() : failure(what, error)),
      );
      sent.end(body);
    });
  }

  /** A kept connection may have been closed just now by the other side: ask again, once, on another. */
  async function sendAgain(question: Question, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await send(question, signal);
    } catch (error) {
      if (error instanceof Stale) return await send(question, signal);
      throw error;
    }
  }

  /** An answer that is not 2xx is dropped. */
  function good(answer: IncomingMessage): IncomingMessage {
    const refusal = refusalOf(what, answer);
    if (refusal === null) return answer;
    answer.destroy();
    throw refusal;
  }

  return {
    async exchange(question) {
      const signal = AbortSignal.timeout(deadlineMs);
      const answer = await sendAgain(question, signal);
      return { status: answer.statusCode ?? 0, body: await collect(answer, question.limit, what, signal) };
    },
    async ask(question) {
      const signal = AbortSignal.timeout(deadlineMs);
      const answer = await sendAgain(question, signal);
      return await collect(good(answer), question.limit, what, signal);
    },
    async follow(question, signal) {
      const head = new AbortController();
      const enough = setTimeout(() => head.abort(new DOMException("too late", "TimeoutError")), deadlineMs);
      try {
        return good(await send(question, AbortSignal.any([signal, head.signal])));
      } finally {
        clearTimeout(enough);
      }
    },
    close: () => agent.destroy(),
  };
}

function tlsOf({ ca }: UpstreamOptions) {
  return { minVersion: "TLSv1.2" as const, ...(ca === undefined ? {} : { ca: [...ca] }) };
}

class Stale extends Error {}

function isStale(error: NodeJS.ErrnoException, reused: boolean): boolean {
  return reused && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

async function collect(
  answer: IncomingMessage,
  limit: number,
  what: string,
  deadline: AbortSignal,
): Promise<Uint8Array> {
  const tooLarge = () => new KeywardError("too-large", `${what}: an answer of more than ${limit} bytes`);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    if (Number(answer.headers["content-length"] ?? 0) > limit) throw tooLarge();
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > limit) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    answer.destroy();
    if (error instanceof KeywardError) throw error;
    throw failure(what, deadline.aborted ? (deadline.reason as Error) : (error as Error));
  }
  return Buffer.concat(chunks);
}

function refusalOf(what: string, { statusCode = 0, headers }: IncomingMessage): KeywardError | null {
  if (statusCode >= 200 && statusCode < 300) return null;
  if (statusCode === 404) return new KeywardError("not-found", `${what}: answered 404`);
  const location = statusCode >= 300 && statusCode < 400 ? headers.location : undefined;
  const cause = location === undefined ? undefined : new Redirected(statusCode, location);
  return new KeywardError("unreachable", `${what}: answered ${statusCode}`, { cause });
}

/** Only the error's code: its text may hold what the other side said. */
function failure(what: string, error: Error & { code?: unknown }): KeywardError {
  if (error.name === "TimeoutError" || (error.cause as Error | undefined)?.name === "TimeoutError")
    return new KeywardError("timeout", `${what}: no answer in time`);
  const code =
    typeof error.code === "string" && /^[A-Z][A-Z0-9_]{2,40}$/.test(error.code) ? error.code : "failed";
  return new KeywardError("unreachable", `${what}: no answer (${code})`);
}
