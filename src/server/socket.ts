/** Socket: what every listening server here does alike: connections counted, a port taken, an orderly end. */
import type { Server as PlainServer } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { KeywardError } from "../base/errors.ts";

export type HttpServer = PlainServer | TlsServer;

/**
 * Every open TCP connection. Beyond the limit a new one is closed before it costs a handshake. (The server's own
 * `maxConnections` does the same and tells nobody.)
 */
export function trackConnections(server: HttpServer, limit: number, onRefused: () => void): Set<Socket> {
  const open = new Set<Socket>();
  server.prependListener("connection", (socket: Socket) => {
    if (open.size >= limit) {
      onRefused();
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.once("close", forget);
  });
  function forget(this: Socket): void {
    open.delete(this);
  }
  return open;
}

/** @throws KeywardError `local` when the port is taken or not allowed. */
export function listenOn(server: HttpServer, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, port, host)));
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      resolve(server.address() as AddressInfo);
    });
  });
}

function listenError({ code }: NodeJS.ErrnoException, port: number, host: string): KeywardError {
  const place = `${host} port ${port}`;
  if (code === "EADDRINUSE")
    return new KeywardError("local", `${place}: already in use`, {
      hint: "is another server running? choose another with --listen",
    });
  if (code === "EACCES")
    return new KeywardError("local", `${place}: not allowed`, { hint: "ports below 1024 need privileges" });
  return new KeywardError("local", `${place}: cannot listen (${code ?? "unknown"})`, {
    hint: "check the address",
  });
}

/** Connections that wait for their next request are closed as soon as they have answered the last. */
export async function stopServing(
  server: HttpServer,
  open: ReadonlySet<Socket>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 25);
  const enough = setTimeout(() => {
    for (const socket of open) socket.destroy();
    server.closeAllConnections();
  }, graceMs);
  server.closeIdleConnections();
  await closed;
  clearInterval(idle);
  clearTimeout(enough);
}
