/**
 * Client: the API over HTTPS. It loads fast and trusts little: TLS 1.3 only, no certificate but those of the
 * CA it is given, answers of limited size, and every failure comes out as a `KeywardError`.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { Api } from "../api/api.ts";
import { type Operation, type OperationName, operations } from "../api/operations.ts";
import { formatPath } from "../api/paths.ts";
import type { ResponseOf } from "../api/shapes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { readCertificate } from "../formats/x509/certificate.ts";
import { isServer } from "../formats/x509/identity.ts";
import type { San } from "../formats/x509/san.ts";
import { answerLimits, parseAnswer, readLines, readText, refusalOf } from "./answer.ts";
import { connectionError } from "./connection-error.ts";

export interface ClientOptions {
  /** `https://host:port`; the port is 5070 when it is left out, `https://` may be. */
  readonly address: string;
  /** PEM certificates to trust, and no others. */
  readonly ca: readonly string[];
  /** An operator's token. */
  readonly token?: Secret;
  /** A client certificate and its chain, PEM. */
  readonly cert?: string;
  /** The certificate's private key, PEM. */
  readonly key?: Secret;
  /** To wait for an answer; 30 s unless given. A stream may pause for three times this. */
  readonly timeoutMs?: number;
  /** The name to ask the server's certificate for, when it is not the address's. */
  readonly serverName?: string;
}

/** The parts of a request, as `RequestOf` has them. */
interface Parts {
  readonly path?: Record<string, string>;
  readonly query?: Record<string, string | undefined>;
  readonly body?: unknown;
  readonly dryRun?: boolean;
}

const DEFAULT_PORT = "5070";

export function createClient(options: ClientOptions): Api {
  const url = parseAddress(options.address);
  const timeoutMs = options.timeoutMs ?? 30_000;
  const agent = createAgent(options);

  /** Send and wait for the answer's head. */
  function send(name: OperationName, parts: Parts, signal?: AbortSignal): Promise<IncomingMessage> {
    const operation: Operation = operations[name];
    const body = operation.method === "GET" ? undefined : JSON.stringify(parts.body ?? {});
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        host: url.hostname.replace(/^\[|\]$/g, ""),
        port: url.port,
        method: operation.method,
        path: formatPath(name, parts.path) + formatQuery(parts),
        headers: headersOf(options, body),
        agent,
        ...(signal === undefined ? {} : { signal }),
      });
      request.setTimeout(operation.stream === true ? timeoutMs * 3 : timeoutMs, () =>
        request.destroy(timedOut(url.host)),
      );
      request.on("response", resolve).on("error", (error) => reject(failure(url.host, error, request)));
      request.end(body);
    });
  }

  /** A kept connection may have been closed by the server just now: what changes nothing is asked again. */
  async function sendAgain(name: OperationName, parts: Parts): Promise<IncomingMessage> {
    try {
      return await send(name, parts);
    } catch (error) {
      if (operations[name].method !== "GET" || !(error instanceof StaleConnection)) throw error;
      return await send(name, parts);
    }
  }

  async function text(name: OperationName, parts: Parts): Promise<string> {
    const answer = await sendAgain(name, parts);
    const body = await readText(answer, answerLimits.size).catch((error: unknown) => {
      throw connectionError(url.host, error);
    });
    if (answer.statusCode !== 200) throw refusalOf(url.host, answer.statusCode ?? 0, body);
    return body;
  }

  async function* stream<N extends OperationName>(
    name: N,
    parts: Parts,
    signal: AbortSignal,
  ): AsyncIterable<ResponseOf<N>> {
    try {
      const answer = await send(name, parts, signal);
      if (answer.statusCode !== 200)
        throw refusalOf(url.host, answer.statusCode ?? 0, await readText(answer, answerLimits.size));
      for await (const line of readLines(answer, answerLimits.size))
        yield parseAnswer(url.host, line) as ResponseOf<N>;
    } catch (error) {
      if (signal.aborted) return;
      throw connectionError(url.host, error);
    }
  }

  return {
    call: async <N extends OperationName>(name: N, parts: Parts) =>
      parseAnswer(url.host, await text(name, parts)) as ResponseOf<N>,
    stream,
    text: (name) => text(name, {}),
    close: async () => agent.destroy(),
  };
}

/**
 * @throws KeywardError `usage` unless it is an HTTPS address without path, query or user.
 */
export function parseAddress(address: string): URL {
  const full = address.includes("://") ? address : `https://${address}`;
  const url = URL.canParse(full) ? new URL(full) : null;
  if (url?.protocol !== "https:" || url.pathname !== "/" || url.search + url.hash + url.username !== "") {
    throw new KeywardError("usage", "server address: want https://host:port", {
      hint: "set KEYWARD_ADDR or --addr, as https://keys.example.com:5070",
    });
  }
  // the URL class drops 443 as the scheme's default
  if (url.port === "")
    return new URL(`https://${url.hostname}:${full.endsWith(":443") ? "443" : DEFAULT_PORT}`);
  return url;
}

function createAgent({ ca, cert, key, serverName }: ClientOptions): Agent {
  return new Agent({
    keepAlive: true,
    maxSockets: 64,
    maxCachedSessions: 0,
    minVersion: "TLSv1.3",
    // said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off
    rejectUnauthorized: true,
    checkServerIdentity: assertServer,
    ca: [...ca],
    ...(cert === undefined || key === undefined ? {} : { cert, key: Buffer.from(key.reveal()) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
}

/**
 * For the host that was asked for, and a Keyward server's: the CA signs certificates for other programs too, and
 * whoever has one of those is not whom secrets are meant for.
 */
function assertServer(host: string, certificate: PeerCertificate): Error | undefined {
  return (
    checkServerIdentity(host, certificate) ?? (isServer(namesOf(certificate)) ? undefined : stranger(host))
  );
}

function namesOf({ raw }: PeerCertificate): readonly San[] {
  try {
    return readCertificate(raw).names;
  } catch {
    return [];
  }
}

function stranger(host: string): KeywardError {
  return new KeywardError("unreachable", `${host}: the certificate is not that of a Keyward server`, {
    hint: "someone who was given a certificate for this host may be in its place: look at keyward cert list",
  });
}

function headersOf({ token }: ClientOptions, body: string | undefined): Record<string, string | number> {
  return {
    accept: "application/json",
    ...(token === undefined
      ? {}
      : { authorization: `Bearer ${Buffer.from(token.reveal()).toString("latin1")}` }),
    ...(body === undefined
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
  };
}

function formatQuery({ query = {}, dryRun }: Parts): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  if (dryRun === true) pairs.push(["dry-run", "true"]);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

/** The server closed a kept connection before it saw the request. */
class StaleConnection extends KeywardError {}

function failure(host: string, error: Error & { code?: string }, request: ClientRequest): unknown {
  const stale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
  return stale
    ? new StaleConnection("unreachable", `${host}: connection closed`)
    : connectionError(host, error);
}

function timedOut(host: string): KeywardError {
  return new KeywardError("timeout", `${host}: no answer in time`, {
    hint: "is the server overloaded? look at its log, then try again",
  });
}
