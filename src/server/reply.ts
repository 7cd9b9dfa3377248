/** Reply: answers and errors as they go out. Nobody may keep them, and no browser may guess at them. */
import type { ServerResponse } from "node:http";
import { KeywardError } from "../base/errors.ts";
import { jsonType, streamType } from "./openapi.ts";

const fixed = ["cache-control", "no-store", "x-content-type-options", "nosniff"];

export function sendJson(response: ServerResponse, request: string, status: number, value: unknown): void {
  sendText(response, request, status, jsonType, JSON.stringify(value));
}

export function sendText(
  response: ServerResponse,
  request: string,
  status: number,
  type: string,
  text: string,
): void {
  const size = String(Buffer.byteLength(text));
  const head = ["content-type", type, "content-length", size, "x-request-id", request, ...fixed];
  // what was not read of a refused request's body is not waited for
  if (!response.req.complete) head.push("connection", "close");
  response.writeHead(status, head);
  response.end(text);
}

/** The head of a stream, sent at once. */
export function startStream(response: ServerResponse, request: string): void {
  response.writeHead(200, ["content-type", streamType, "x-request-id", request, ...fixed]);
  response.flushHeaders();
}

export function sendError(response: ServerResponse, request: string, error: KeywardError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { code, message, hint } = error;
  if (error.httpStatus === 401) response.setHeader("www-authenticate", 'Bearer realm="keyward"');
  sendJson(response, request, error.httpStatus, {
    error: { code, message, ...(hint === undefined ? {} : { hint }) },
  });
}

/** What the caller is told of an error: our own as it is, any other by the request's id alone. */
export function tellable(error: unknown, request: string): KeywardError {
  if (error instanceof KeywardError) return error;
  return new KeywardError("internal", `something failed in the server (request ${request})`, {
    hint: "its log says what, under this request id",
  });
}
