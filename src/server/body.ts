/** Body: what a request carries, read within limits. Nothing of it is quoted in errors. */
import type { IncomingMessage } from "node:http";
import { fromUtf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { type Json, parseJson } from "../base/json.ts";

/**
 * @returns The JSON, or `undefined` when no body was sent.
 * @throws KeywardError `too-large`, `malformed`; `usage` when it is not declared to be JSON.
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Json | undefined> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > limit) throw tooLarge(limit);
  if (declared === 0 && request.headers["transfer-encoding"] === undefined) return undefined;
  assertJsonType(request.headers["content-type"]);
  const bytes = await collect(request, limit);
  try {
    return bytes.byteLength === 0
      ? undefined
      : parseJson(fromUtf8(bytes, "request body"), "request body", {
          size: limit,
          depth: 16,
          count: 100_000,
        });
  } finally {
    bytes.fill(0);
  }
}

/** How much of all bodies together may lie in memory while they are read. */
export interface BodyRoom {
  left: number;
}

/** @throws KeywardError `too-large`, `malformed`; `busy` when all bodies together take too much room. */
export async function readBytes(request: IncomingMessage, limit: number, room: BodyRoom): Promise<Buffer> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > limit) throw tooLarge(limit);
  // a body of unknown length may become as large as any
  const needed = request.headers["transfer-encoding"] === undefined ? declared : limit;
  if (needed === 0) return Buffer.alloc(0);
  if (needed > room.left) throw new KeywardError("busy", "request body: too many at once");
  room.left -= needed;
  try {
    return await collect(request, limit);
  } finally {
    room.left += needed;
  }
}

/** Asked for also so that a page in somebody's browser cannot send one without asking first. */
function assertJsonType(type: string | undefined): void {
  if (type !== undefined && /^application\/json\s*(?:;\s*charset=utf-8\s*)?$/i.test(type)) return;
  throw new KeywardError("usage", "request body: its content-type must be application/json");
}

function collect(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > limit) {
        request.removeAllListeners("data").pause();
        reject(tooLarge(limit));
      } else chunks.push(chunk);
    });
    request.once("end", () => {
      resolve(Buffer.concat(chunks));
      for (const chunk of chunks) chunk.fill(0);
    });
    request.once("error", () => reject(cutOff()));
    request.once("close", () => {
      if (!request.complete) reject(cutOff());
    });
  });
}

function tooLarge(limit: number): KeywardError {
  return new KeywardError("too-large", `request body: more than ${limit} bytes`);
}

function cutOff(): KeywardError {
  return new KeywardError("malformed", "request body: ended before it was complete");
}
