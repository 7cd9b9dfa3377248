/**
 * HTTPS: the listening socket. TLS 1.3 and nothing older; a client certificate is asked for and judged by
 * `identify.ts`, so that who is refused hears why. Everything that a stranger can hold on to has a limit.
 */
import { constants } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Limits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import { jsonType } from "./openapi.ts";
import type { OnRequest } from "./request.ts";
import { listenOn, stopServing, trackConnections } from "./socket.ts";

/** What the server presents, and whom it trusts. */
export interface TlsIdentity {
  /** PEM: its certificate, then the chain up to the root, which first contact pins. */
  readonly chain: string;
  readonly key: Secret;
  /** PEM: the CAs whose client certificates are accepted. */
  readonly trusted: readonly string[];
}

export interface Https {
  /** @throws KeywardError `local` when the port is taken or not allowed. */
  listen(port: number, host: string): Promise<AddressInfo>;
  /** For connections from now on. */
  setIdentity(identity: TlsIdentity): void;
  readonly connections: number;
  /** Take no more connections and requests, wait for those under way, then close what is left. */
  stop(graceMs: number): Promise<void>;
}

export interface HttpsNeeds {
  readonly identity: TlsIdentity;
  readonly limits: Limits;
  readonly onRequest: OnRequest;
  readonly metrics: Metrics;
}

export function createHttps({ identity, limits, onRequest, metrics }: HttpsNeeds): Https {
  const server = createServer(
    {
      ...contextOf(identity),
      requestCert: true,
      // judged in identify.ts: a refused caller is told why instead of being cut off
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.min(5000, Math.ceil(limits.headersMs / 2)),
      keepAliveTimeout: limits.idleMs,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      noDelay: true,
    },
    onRequest,
  );
  const open = trackConnections(server, limits.connections, () => metrics.refused("connections"));
  server.setTimeout(limits.idleMs);
  server.maxHeadersCount = 64;
  server.on("tlsClientError", (_error, socket) => {
    metrics.refused("tls");
    socket.destroy();
  });
  server.on("clientError", (error, socket) => refuseHead(socket as Socket, headError(error, limits)));
  return {
    listen: (port, host) => listenOn(server, port, host),
    setIdentity: (next) => server.setSecureContext(contextOf(next)),
    get connections() {
      return open.size;
    },
    stop: (graceMs) => stopServing(server, open, graceMs),
  };
}

function contextOf({ chain, key, trusted }: TlsIdentity) {
  return {
    minVersion: "TLSv1.3" as const,
    // every connection shows its certificate anew: no ticket outlives a revocation, or costs a new connection 10 %
    secureOptions: constants.SSL_OP_NO_TICKET,
    cert: chain,
    key: Buffer.from(key.reveal()),
    ca: [...trusted],
  };
}

/** What is wrong with a head that Node's parser gave up on. */
function headError({ code }: NodeJS.ErrnoException, { headerBytes }: Limits): KeywardError {
  if (code === "HPE_HEADER_OVERFLOW")
    return new KeywardError("too-large", `request: address and headers hold more than ${headerBytes} bytes`);
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new KeywardError("malformed", "request: came too slowly");
  return new KeywardError("malformed", "request: is not HTTP/1.1");
}

/** Told as every error is; then the connection ends. */
function refuseHead(socket: Socket, { code, message, httpStatus }: KeywardError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ error: { code, message } });
  const head = [
    `HTTP/1.1 ${httpStatus} Refused`,
    "connection: close",
    `content-type: ${jsonType}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
