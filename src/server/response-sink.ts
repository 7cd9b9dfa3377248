/**
 * A stream's lines into an HTTPS response. There is one for each watching node, for days: what it keeps is
 * counted, so its callbacks are shared functions that find it at the response.
 */
import type { ServerResponse } from "node:http";
import { startStream } from "./reply.ts";
import type { Sink, Source } from "./sink.ts";

const sinks = new WeakMap<ServerResponse, ResponseSink>();

export class ResponseSink implements Sink {
  #source: Source | null = null;
  readonly #response: ServerResponse;
  readonly #request: string;

  constructor(response: ServerResponse, request: string) {
    this.#response = response;
    this.#request = request;
    sinks.set(response, this);
    response.on("drain", onDrain);
    response.on("close", onClose);
  }

  /** Send the head, if nothing has yet. */
  start(): void {
    if (this.#response.headersSent || this.#response.destroyed) return;
    const { req } = this.#response;
    // watched connections are quiet for long: their heartbeat finds the dead ones
    req.socket.setTimeout(0);
    // what the request's head said is not needed any more, and would be kept as long
    req.headers = {};
    req.rawHeaders = [];
    startStream(this.#response, this.#request);
  }

  write(line: string): boolean {
    this.start();
    if (this.#response.writableEnded || this.#response.destroyed) return false;
    return this.#response.write(`${line}\n`);
  }

  end(): void {
    this.start();
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }

  attach(source: Source): void {
    if (this.#response.closed || this.#response.destroyed) source.closed();
    else this.#source = source;
  }

  drained(): void {
    this.#source?.drained();
  }

  closed(): void {
    const source = this.#source;
    this.#source = null;
    source?.closed();
  }
}

function onDrain(this: ServerResponse): void {
  sinks.get(this)?.drained();
}

function onClose(this: ServerResponse): void {
  sinks.get(this)?.closed();
}
