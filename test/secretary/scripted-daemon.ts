/** A daemon that answers what it is told to: recorded bytes, one after the other, or what a function makes of a request. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

export interface Heard {
  readonly line: string;
  readonly body: string;
}

export interface Scripted {
  readonly port: number;
  readonly heard: readonly Heard[];
}

/** @returns The whole answer, head and body; `null`: none, ever. */
export type Script = (request: Heard, count: number, port: number) => Buffer | string | null;

export function answer(body: string, status = "200 OK", ...headers: readonly string[]): string {
  const head = [
    `HTTP/1.1 ${status}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    ...headers,
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

export async function startScripted(t: TestContext, script: Script, tls?: TlsOptions): Promise<Scripted> {
  const heard: Heard[] = [];
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (end < 0 || text.length < end + 4 + length) return;
      const request = {
        line: text.slice(0, text.indexOf("\r\n")),
        body: text.slice(end + 4, end + 4 + length),
      };
      heard.push(request);
      text = "";
      const said = script(request, heard.length, port());
      if (said !== null) socket.write(said);
    });
  };
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  const port = (): number => (server.address() as AddressInfo).port;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: port(), heard };
}
