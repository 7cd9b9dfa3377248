/** Answers: read within limits, and turned into values or errors. */
import type { IncomingMessage } from "node:http";
import { isErrorCode, KeywardError } from "../base/errors.ts";
import { type Json, type JsonLimits, parseJson } from "../base/json.ts";
import { printable } from "../model/name.ts";

/** A whole bundle is one line, so the size is large; it bounds what a broken server can make us keep. */
export const answerLimits: JsonLimits = { size: 67_108_864, depth: 64, count: 4_000_000 };

/** @throws KeywardError `too-large` */
export async function readText(answer: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge(answer, limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Lines as they come; blank ones (heartbeats) are left out, and so is a last one that was cut off. */
export async function* readLines(answer: IncomingMessage, limit: number): AsyncIterable<string> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]).toString("utf8");
      parts = [];
      size = 0;
      from = end + 1;
      if (line !== "") yield line;
    }
    if (from === chunk.byteLength) continue;
    parts.push(chunk.subarray(from));
    size += chunk.byteLength - from;
    if (size > limit) throw tooLarge(answer, limit);
  }
}

function tooLarge(answer: IncomingMessage, limit: number): KeywardError {
  answer.destroy();
  return new KeywardError("too-large", `the server's answer: more than ${limit} bytes`);
}

/** @throws KeywardError `malformed` */
export function parseAnswer(host: string, text: string): Json {
  return parseJson(text, `${host}: the answer`, answerLimits);
}

/** The error that an answer of another status than 200 tells of. */
export function refusalOf(host: string, status: number, body: string): KeywardError {
  const told = toldError(body);
  if (told !== null) return told;
  return new KeywardError("unreachable", `${host}: answered with status ${status}, and not as Keyward does`, {
    hint: "is this a Keyward server? check the address",
  });
}

function toldError(body: string): KeywardError | null {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return null;
  }
  const error = (answer as { error?: { code?: unknown; message?: unknown; hint?: unknown } } | null)?.error;
  if (typeof error?.code !== "string" || typeof error.message !== "string" || !isErrorCode(error.code))
    return null;
  const hint = typeof error.hint === "string" ? { hint: plainText(error.hint) } : {};
  return new KeywardError(error.code, plainText(error.message), hint);
}

/** Text from a server on its way to a terminal: no control characters. */
export function plainText(text: string): string {
  return text.slice(0, 4096).replace(/[\p{Cc}\p{Cf}]/gu, (c) => printable(c).slice(1, -1));
}
