/**
 * Daemon: Secretary's duties alone, without a store: `POST /v1/decrypt` and `GET /v1/status`, over TLS 1.2 or later, or
 * plain HTTP where no certificate is given, as the original serves them.
 */
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTls } from "node:https";
import type { Socket } from "node:net";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import { createDecrypt, DECRYPT_PATH, sendRefusal, sendText } from "./decrypt.ts";
import { createBuckets, type Rate } from "./limits.ts";
import type { Log } from "./log.ts";
import { createRequestIds } from "./request-ids.ts";
import { createSecretary, type SecretaryOptions } from "./secretary.ts";
import { type HttpServer, listenOn, stopServing, trackConnections } from "./socket.ts";

export interface DaemonOptions extends Omit<SecretaryOptions, "audit"> {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM. Absent: plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: Secret };
  readonly log: Log;
  readonly limits?: Partial<DaemonLimits>;
}

export interface DaemonLimits {
  readonly headerBytes: number;
  readonly headersMs: number;
  /** For a whole request to arrive. */
  readonly requestMs: number;
  readonly idleMs: number;
  readonly connections: number;
  readonly bodyBytes: number;
  /** Of all requests that are being read. */
  readonly allBodiesBytes: number;
  /** For requests under way when it stops. */
  readonly graceMs: number;
  /** What an address may get wrong; who may have what it asks for never takes from it. */
  readonly refusedPerAddress: Rate;
  /** Lines in the log about requests that came to no decision, or to a refusal; the next one counts the rest. */
  readonly refusalLines: Rate;
}

export interface Daemon {
  readonly host: string;
  readonly port: number;
  /** Finishes what is under way. May be called again. */
  stop(): Promise<void>;
}

const defaults: DaemonLimits = {
  headerBytes: 16_384,
  headersMs: 10_000,
  requestMs: 30_000,
  idleMs: 75_000,
  connections: 10_000,
  bodyBytes: 4_194_304,
  allBodiesBytes: 134_217_728,
  graceMs: 10_000,
  refusedPerAddress: { perSecond: 20, burst: 500 },
  refusalLines: { perSecond: 50, burst: 1000 },
};

/** @throws KeywardError `local` when the port is taken, or the certificate and key are no pair. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const limits: DaemonLimits = { ...defaults, ...options.limits };
  const { log, clock, random, tls } = options;
  const nextId = createRequestIds(random);
  const secretary = createSecretary({ ...options, audit: createAuditLines(log, clock, limits.refusalLines) });
  const decrypt = createDecrypt({
    decision: secretary.decision,
    clock,
    nextId,
    bodyBytes: limits.bodyBytes,
    room: { left: limits.allBodiesBytes },
    refusedPerAddress: limits.refusedPerAddress,
    onRefused: (request, from, status, reason) => log.debug({ request, from, status, reason }, "refused"),
  });
  const server = createServer(limits, tls, (request, response) => void respond(request, response));
  const open = trackConnections(server, limits.connections, () => {});
  let ending: Promise<void> | null = null;

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    if (path === DECRYPT_PATH) return await decrypt(request, response);
    if (path === "/v1/status") return sendText(response, 200, '{"Status":"OK"}');
    const clean = cleaned(path);
    if (clean === null || clean === path) return sendRefusal(response, 404, "404 page not found");
    response.writeHead(301, ["location", clean, "content-length", "0"]);
    response.end();
  }

  async function end(): Promise<void> {
    log.info("stopping");
    await stopServing(server, open, limits.graceMs);
    secretary.close();
    log.info("stopped");
  }

  try {
    const address = await listenOn(server, options.port, options.host);
    log.info(`Daemon listening on ${tls === undefined ? "" : "TLS "}${options.host}:${address.port}`);
    return {
      host: address.address,
      port: address.port,
      stop() {
        ending ??= end();
        return ending;
      },
    };
  } catch (error) {
    secretary.close();
    throw error;
  }
}

function createServer(
  limits: DaemonLimits,
  tls: DaemonOptions["tls"],
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): HttpServer {
  const common = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(5000, Math.ceil(limits.headersMs / 2)),
    keepAliveTimeout: limits.idleMs,
    noDelay: true,
  };
  const server =
    tls === undefined ? createPlain(common, onRequest) : createSecure(common, tls, limits, onRequest);
  server.setTimeout(limits.idleMs);
  server.maxHeadersCount = 64;
  server.on("tlsClientError", (_error, socket: Socket) => socket.destroy());
  server.on("clientError", (_error, socket) => (socket as Socket).destroy());
  return server;
}

function createSecure(
  common: object,
  tls: NonNullable<DaemonOptions["tls"]>,
  limits: DaemonLimits,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): HttpServer {
  try {
    return createTls({ ...common, ...contextOf(tls), handshakeTimeout: limits.headersMs }, onRequest);
  } catch (cause) {
    throw new KeywardError("local", "TLS certificate and key: not PEM, or not a pair", {
      hint: "check both files: the key must be the certificate's, and without a passphrase",
      cause,
    });
  }
}

function contextOf({ certificate, key }: NonNullable<DaemonOptions["tls"]>) {
  return { minVersion: "TLSv1.2" as const, cert: certificate, key: Buffer.from(key.reveal()) };
}

/** A path without doubled slashes, as Go's server sends clients to. */
function cleaned(path: string): string | null {
  return path.startsWith("/") ? path.replace(/\/{2,}/g, "/") : null;
}

/** Every decision has a line. A flood of refusals is counted in the next one instead, so that it fills no disk. */
export function createAuditLines(log: Log, clock: Clock, rate: Rate): SecretaryOptions["audit"] {
  const lines = createBuckets(rate, clock);
  let heldBack = 0;
  return (decided) => {
    if (decided.outcome === "ok") {
      log.info({ audit: decided }, "decrypt");
      return;
    }
    if (!lines.take("all")) {
      heldBack += 1;
      return;
    }
    log.warn({ audit: decided, ...(heldBack === 0 ? {} : { heldBack }) }, "decrypt");
    heldBack = 0;
  };
}
