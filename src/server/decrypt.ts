/**
 * Decrypt: `POST /v1/decrypt` as Secretary's clients ask it. Answers and statuses are the original's; what it says in
 * refusals is ours, and holds nothing that another system said.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { fromUtf8 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { type DecryptForm, decodeForm } from "../formats/secretary/form.ts";
import { parseInstant } from "../formats/secretary/instant.ts";
import type { Claim } from "../secretary/asker.ts";
import type { Decision } from "../secretary/decision.ts";
import { type BodyRoom, readBytes } from "./body.ts";
import { createBuckets, limitedAddress, type Rate } from "./limits.ts";

export const DECRYPT_PATH = "/v1/decrypt";

export interface DecryptNeeds {
  readonly decision: Decision;
  readonly clock: Clock;
  readonly nextId: () => string;
  /** Bytes of a form. */
  readonly bodyBytes: number;
  /** Bytes of all forms that are being read. */
  readonly room: BodyRoom;
  /** Refusals of one address: beyond it nothing of its is looked at. */
  readonly refusedPerAddress: Rate;
  /** Told of each request that never came to a decision. */
  readonly onRefused: (request: string, from: string, status: number, reason: string) => void;
  /** Told of each answer. */
  readonly onAnswer?: (status: number, seconds: number) => void;
}

export type Respond = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A refusal before the decision, with a status of its own. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function createDecrypt(needs: DecryptNeeds): Respond {
  const { decision, clock, nextId, onRefused, onAnswer = () => {} } = needs;
  const refused = createBuckets(needs.refusedPerAddress, clock);

  async function answer(request: IncomingMessage, id: string, from: string): Promise<string> {
    if (request.method !== "POST") throw new Refused(405, "Expected POST method");
    if (refused.isEmpty(from)) throw new Refused(429, "Too many refusals: wait a little");
    const form = await readForm(request, needs);
    return await decision.decide(claimOf(form), form.envelope, { request: id, from });
  }

  return async (request, response) => {
    const start = performance.now();
    const id = nextId();
    const from = limitedAddress(request.socket.remoteAddress);
    let status = 200;
    try {
      sendText(response, 200, await answer(request, id, from));
    } catch (error) {
      status = statusOf(error);
      if (status !== 429) refused.take(from);
      const told = error instanceof Refused || isKeywardError(error) ? error.message : "the request failed";
      if (error instanceof Refused || !isKeywardError(error)) onRefused(id, from, status, told);
      sendRefusal(response, status, `${told} (request ${id})`);
    }
    onAnswer(status, (performance.now() - start) / 1000);
  };
}

/** @throws Refused */
async function readForm(request: IncomingMessage, { bodyBytes, room }: DecryptNeeds): Promise<DecryptForm> {
  // only the body counts: a query would be in the logs of everything on the way
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  try {
    const bytes = await readBytes(request, bodyBytes, room);
    return decodeForm(type === "application/x-www-form-urlencoded" ? fromUtf8(bytes, "form") : "");
  } catch (error) {
    if (isKeywardError(error, "busy")) throw new Refused(503, "Too much at once: try again");
    throw new Refused(415, "Expected application/x-www-form-urlencoded request body");
  }
}

/** @throws Refused, KeywardError */
function claimOf({ appId, appVersion, taskId, envelope }: DecryptForm): Claim {
  const instant = appVersion === "" ? null : parseInstant(appVersion);
  if (appVersion !== "" && instant === null)
    throw new Refused(422, "Expected appVersion in valid RFC 3339. Wrong format given");
  if (envelope === "")
    throw new Refused(400, "Expected parameters, one of {appid, appversion, taskid, envelope} missing");
  return { appId, appVersion, taskId, instant };
}

/** As the original's, where it has one. */
function statusOf(error: unknown): number {
  if (error instanceof Refused) return error.status;
  if (!(error instanceof KeywardError)) return 500;
  switch (error.code) {
    case "malformed":
    case "too-large":
    case "wrong-key":
      return 400;
    case "unauthenticated":
      return 401;
    case "conflict":
      return 409;
    case "timeout":
      return 504;
    default:
      return 500;
  }
}

const textType = "text/plain; charset=utf-8";

/** Nothing after it: a line feed would break the original's client. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  const size = String(Buffer.byteLength(text));
  const head = ["content-type", textType, "content-length", size, "cache-control", "no-store"];
  response.writeHead(status, head);
  response.end(text);
}

export function sendRefusal(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = `${text}\n`;
  const size = String(Buffer.byteLength(body));
  const head = ["content-type", textType, "content-length", size, "x-content-type-options", "nosniff"];
  head.push("cache-control", "no-store");
  // what was not read of a refused request's body is not waited for
  if (!response.req.complete) head.push("connection", "close");
  response.writeHead(status, head);
  response.end(body);
}
