/**
 * One exchange with a Secretary daemon over HTTP or HTTPS, as its own client makes them: redirects are followed
 * (307 and 308 repeat the body, others turn into a GET), but never from HTTPS to HTTP; TLS is 1.2 or newer; time
 * and size are bounded.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { KeywardError } from "../base/errors.ts";
import { MAX_ENVELOPE_LENGTH } from "../formats/secretary/envelope-text.ts";
import { readText } from "./answer.ts";
import { connectionError } from "./connection-error.ts";

export interface Trust {
  /** PEM certificates to trust instead of the runtime's own. */
  readonly ca?: readonly string[];
  /** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in either case; loopback addresses are never proxied. */
  readonly proxies?: Readonly<Record<string, string | undefined>>;
  /** For a whole exchange, redirects included; 30 s unless given. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface Poster {
  /** @throws KeywardError `unreachable`, `timeout`, `too-large` */
  post(url: URL, form: string): Promise<Answer>;
  close(): void;
}

const MAX_REDIRECTS = 10;

export function createPoster({ ca, proxies = {}, timeoutMs = 30_000 }: Trust): Poster {
  const proxyEnv = proxiesOf(proxies);
  const common = { keepAlive: true, maxSockets: 8, ...(proxyEnv === null ? {} : { proxyEnv }) };
  const plain = new HttpAgent(common);
  const secure = new HttpsAgent({
    ...common,
    minVersion: "TLSv1.2",
    // said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca: [...ca] }),
  });

  function send(url: URL, form: string | null, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = {
        method: form === null ? "GET" : "POST",
        headers: form === null ? {} : headersOf(form),
        signal,
      };
      const request: ClientRequest =
        url.protocol === "https:"
          ? httpsRequest(url, { ...options, agent: secure })
          : httpRequest(url, { ...options, agent: plain });
      const fail = (error: NodeJS.ErrnoException): void => {
        const stale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
        reject(stale ? new StaleConnection() : error);
      };
      request.on("response", resolve).on("error", fail);
      request.end(form ?? undefined);
    });
  }

  /** A kept connection may have been closed by the daemon just now: the request did not reach it. */
  async function sendAgain(url: URL, form: string | null, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await send(url, form, signal);
    } catch (error) {
      if (error instanceof StaleConnection) return await send(url, form, signal);
      throw error;
    }
  }

  async function follow(start: URL, form: string, signal: AbortSignal): Promise<Answer> {
    let url = start;
    let body: string | null = form;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await sendAgain(url, body, signal);
      const text = await readText(answer, MAX_ENVELOPE_LENGTH);
      const status = answer.statusCode ?? 0;
      const next = redirectOf(url, status, answer.headers.location);
      if (next === null) return { status, body: text };
      if (status !== 307 && status !== 308) body = null;
      url = next;
    }
    throw new KeywardError("unreachable", `${start.host}: redirected more than ${MAX_REDIRECTS} times`);
  }

  return {
    async post(url, form) {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        return await follow(url, form, signal);
      } catch (error) {
        if (signal.aborted)
          throw new KeywardError("timeout", `${url.host}: no answer within ${timeoutMs / 1000} s`, {
            hint: "is the daemon up, and what it asks behind it? look at its log",
          });
        throw failure(url.host, error);
      }
    },
    close() {
      plain.destroy();
      secure.destroy();
    },
  };
}

class StaleConnection extends Error {
  readonly code = "ECONNRESET";
}

function failure(host: string, error: unknown): KeywardError {
  const known = connectionError(host, error);
  if (known === error) return known;
  return new KeywardError(known.code, known.message, {
    hint: "check the daemon's address, and for HTTPS the CA: --ca-file or SSL_CERT_FILE",
    cause: error,
  });
}

function headersOf(form: string): Record<string, string | number> {
  return {
    "content-type": "application/x-www-form-urlencoded",
    "content-length": Buffer.byteLength(form),
  };
}

/** `null`: this is the answer. @throws KeywardError `unreachable` for a way that is not taken. */
function redirectOf(from: URL, status: number, location: string | undefined): URL | null {
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return null;
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : null;
  if (to === null || (to.protocol !== "https:" && to.protocol !== "http:"))
    throw new KeywardError("unreachable", `${from.host}: redirects to what is no web address`);
  if (from.protocol === "https:" && to.protocol === "http:")
    throw new KeywardError("unreachable", `${from.host}: redirects from HTTPS to plain HTTP`, {
      hint: "someone may be between here and the daemon: this is not followed",
    });
  return to;
}

const proxyNames = ["http_proxy", "https_proxy", "no_proxy"] as const;

/** `null` when there is no proxy. */
function proxiesOf(env: Readonly<Record<string, string | undefined>>): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const name of proxyNames) {
    const value = env[name] || env[name.toUpperCase()];
    if (value) found[name] = value;
  }
  if (found.http_proxy === undefined && found.https_proxy === undefined) return null;
  return { ...found, no_proxy: [found.no_proxy, "localhost,127.0.0.1,::1"].filter(Boolean).join(",") };
}
