/** Request: one HTTPS request from its head to its answer, its line in the log and its figures. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { findRoute, type Route } from "../api/paths.ts";
import type { Caller } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import { printable } from "../model/name.ts";
import { formatPrincipal, type Principal } from "../model/principal.ts";
import { readBody } from "./body.ts";
import type { Dispatch, RawInput } from "./dispatch.ts";
import { isStream } from "./handlers/handler.ts";
import type { Identified, Identify } from "./identify.ts";
import { type Buckets, type Limits, limitedAddress } from "./limits.ts";
import type { Log, RequestLine } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { textTypes } from "./openapi.ts";
import { sendError, sendJson, sendText, tellable } from "./reply.ts";
import { ResponseSink } from "./response-sink.ts";

export interface RequestNeeds {
  readonly dispatch: Dispatch;
  readonly identify: Identify;
  readonly limits: Limits;
  readonly buckets: Readonly<
    Record<"principal" | "node" | "public" | "refused" | "denied" | "lines", Buckets>
  >;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Ties an answer, a log line and an event together. */
  readonly nextId: () => string;
}

/** Requests that took longer are worth a line, also when they went well. */
const SLOW_MS = 1000;

/** What the log will say, filled in as it becomes known. */
interface Trace {
  readonly id: string;
  readonly from: string;
  readonly start: number;
  by: string;
  operation: string;
}

export type OnRequest = (request: IncomingMessage, response: ServerResponse) => void;

export function createOnRequest(needs: RequestNeeds): OnRequest {
  const { dispatch, identify, limits, buckets, log, metrics, nextId } = needs;

  async function meet(request: IncomingMessage, trace: Trace): Promise<Identified> {
    const identified = await identify(request, trace.from);
    const { by } = identified;
    trace.by = formatPrincipal(by);
    if (!isEnough(by, trace)) throw tooMany("too many requests");
    if (by.kind !== "anonymous" && buckets.denied.isEmpty(trace.by)) throw tooMany("too many denials");
    return identified;
  }

  function isEnough({ kind }: Principal, { by, from }: Trace): boolean {
    if (kind === "anonymous") return buckets.public.take(from);
    return kind === "node" ? buckets.node.take(by) : buckets.principal.take(by);
  }

  async function answer(request: IncomingMessage, response: ServerResponse, trace: Trace): Promise<number> {
    const { route, query, dryRun } = readTarget(request);
    trace.operation = route.name;
    const { by, connection } = await meet(request, trace);
    const caller: Caller = { by, request: trace.id, ...(dryRun ? { dryRun } : {}) };
    await dispatch.admit(route.name, caller, Object.values(route.path)[0] ?? route.name);
    const body = await readBody(request, by.kind === "anonymous" ? limits.publicBodyBytes : limits.bodyBytes);
    const input = { path: route.path, query, body, connection };
    await reply(response, trace, route, { ...caller, by: await byNow(input, by) }, input);
    return 200;
  }

  async function reply(
    response: ServerResponse,
    { id }: Trace,
    { name }: Route,
    caller: Caller,
    input: RawInput,
  ): Promise<void> {
    if (isStream(name)) {
      const sink = new ResponseSink(response, id);
      await dispatch.open(name, caller, input, sink);
      sink.start();
      return;
    }
    const value = await dispatch.perform(name, caller, input);
    const type = textTypes[name];
    if (type === undefined) sendJson(response, id, 200, value);
    else sendText(response, id, 200, type, String(value));
  }

  function refuse(response: ServerResponse, trace: Trace, error: unknown): KeywardError {
    const told = tellable(error, trace.id);
    // others may share the address, so only what is refused anyway is cut short
    if (told.code === "unauthenticated" && !buckets.refused.take(trace.from)) response.destroy();
    if (told.code === "denied" && trace.by !== "anonymous") buckets.denied.take(trace.by);
    if (told.code === "rate-limited") metrics.refused("rate");
    if (told !== error)
      log.error({ request: trace.id, operation: trace.operation, error: describe(error) }, "failed");
    if (!response.destroyed) sendError(response, trace.id, told);
    return told;
  }

  function finish({ id, from, by, operation, start }: Trace, status: number, code?: string): void {
    const ms = Math.round((performance.now() - start) * 10) / 10;
    metrics.request(operation, status, ms / 1000);
    const line: RequestLine = { request: id, operation, by, from, status, ...(code && { code }), ms };
    // every act has its event in the audit log; here what went wrong stands out
    if (status < 400 && ms < SLOW_MS) log.debug(line);
    else if (by !== "anonymous" || buckets.lines.take("all")) log.info(line);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const trace: Trace = {
      id: nextId(),
      from: limitedAddress(request.socket.remoteAddress),
      start: performance.now(),
      by: "anonymous",
      operation: "none",
    };
    try {
      finish(trace, await answer(request, response, trace));
    } catch (error) {
      const told = refuse(response, trace, error);
      finish(trace, told.httpStatus, told.code);
    }
  }

  return (request, response) => void handle(request, response);
}

/** Half a minute may pass until a body is there: a token or a node that was revoked meanwhile is not heard. */
async function byNow({ body, connection: { again } }: RawInput, by: Principal): Promise<Principal> {
  return body === undefined || again === undefined ? by : await again();
}

interface Target {
  readonly route: Route;
  readonly query: Readonly<Record<string, string>>;
  readonly dryRun: boolean;
}

/** @throws KeywardError `not-found`, `usage`, `malformed` */
function readTarget({ url = "", method = "" }: IncomingMessage): Target {
  const cut = url.indexOf("?");
  const path = cut < 0 ? url : url.slice(0, cut);
  const route = findRoute(method, path);
  if (route === null)
    throw new KeywardError("not-found", `${method} ${printable(path)}: no such operation`, {
      hint: "GET /v1/openapi.json lists them",
    });
  const query = cut < 0 ? {} : readQuery(url.slice(cut + 1));
  const { "dry-run": wanted, ...members } = query;
  return { route, query: members, dryRun: readDryRun(route, wanted) };
}

function readQuery(text: string): Record<string, string> {
  const pairs = [...new URLSearchParams(text)];
  if (new Set(pairs.map(([name]) => name)).size !== pairs.length)
    throw new KeywardError("usage", "query: a member is given twice");
  return Object.fromEntries(pairs);
}

/** Anything but `true` is refused, so that nobody believes in a rehearsal that was none. */
function readDryRun({ name, operation }: Route, wanted: string | undefined): boolean {
  if (wanted === undefined) return false;
  if (wanted === "true" && operation.changes === true) return true;
  throw new KeywardError(
    "usage",
    operation.changes === true ? `${name}: dry-run can only be true` : `${name}: takes no dry-run`,
  );
}

function tooMany(what: string): KeywardError {
  return new KeywardError("rate-limited", what, { hint: "wait a little, then try again" });
}

/** For the log: an error's name and stack, which hold no values of ours. */
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : typeof error;
}
