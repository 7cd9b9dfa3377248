/** Requests: signed, sent, and sent again when that can help and do no harm. */
import { KeywardError } from "../../base/errors.ts";
import { type Json, parseJson } from "../../base/json.ts";
import type { Clock } from "../../base/time.ts";
import { fraction } from "../../crypto/random.ts";
import { type Protocol, signRequest } from "../../formats/chef-signature/chef-signature.ts";
import { isObject } from "../../model/flatten.ts";
import type { Answer, Upstream } from "../upstream.ts";
import type { ChefServerOptions } from "./chef-server.ts";

export interface Requests {
  /** @returns The body. @throws KeywardError by status: see `refusalOf`. */
  get(path: string, query?: string): Promise<string>;
  put(path: string, body: string): Promise<void>;
  /** Makes something: not sent again once the server may have it. */
  post(path: string, body: string): Promise<void>;
  /** A question that is asked by POST. */
  ask(path: string, query: string, body: string): Promise<string>;
  remove(path: string): Promise<void>;
}

export interface RequestNeeds extends ChefServerOptions {
  readonly what: string;
  readonly upstream: Upstream;
  readonly limit: number;
}

type Method = "GET" | "PUT" | "POST" | "DELETE";

interface Sent {
  readonly method: Method;
  readonly path: string;
  readonly query?: string;
  readonly body?: string;
  /** Saying it twice is as good as once. */
  readonly repeatable: boolean;
}

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 500;
/** What we speak, and the least that has keys of their own. */
const API_VERSION = "1";

export function createRequests(needs: RequestNeeds): Requests {
  const { upstream, what, random, wait, limit, url } = needs;
  const base = new URL(url).pathname.replace(/\/+$/, "");
  let apiVersion = API_VERSION;

  function exchange({ method, path, query = "", body }: Sent): Promise<Answer> {
    const headers = {
      ...signed(needs, { method, path: base + path, body: Buffer.from(body ?? "") }, apiVersion),
      "X-Ops-Server-API-Version": apiVersion,
      "X-Chef-Version": "18.0.0",
      Accept: "application/json",
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    };
    return upstream.exchange({ method, path: path + query, headers, limit, ...(body && { body }) });
  }

  async function attempt(sent: Sent): Promise<string> {
    const answer = await exchange(sent);
    const text = Buffer.from(answer.body).toString("utf8");
    if (answer.status >= 200 && answer.status < 300) return text;
    throw refusalOf(what, answer.status, text);
  }

  async function send(sent: Sent): Promise<string> {
    for (let round = 1; ; round++) {
      try {
        return await attempt(sent);
      } catch (error) {
        const other = error instanceof OtherVersion && error.version !== apiVersion ? error.version : null;
        if (other !== null) apiVersion = other;
        else if (round >= ATTEMPTS || !sent.repeatable || !isPassing(error)) throw error;
        else await wait(FIRST_PAUSE_MS * 2 ** (round - 1) * (0.5 + fraction(random)));
      }
    }
  }

  const done = async (sent: Sent): Promise<void> => void (await send(sent));
  return {
    get: (path, query = "") => send({ method: "GET", path, query, repeatable: true }),
    put: (path, body) => done({ method: "PUT", path, body, repeatable: true }),
    post: (path, body) => done({ method: "POST", path, body, repeatable: false }),
    ask: (path, query, body) => send({ method: "POST", path, query, body, repeatable: true }),
    remove: (path) => done({ method: "DELETE", path, repeatable: false }),
  };
}

function signed(
  {
    user,
    key,
    clock,
    protocol,
  }: { user: string; key: RequestNeeds["key"]; clock: Clock; protocol?: Protocol },
  request: { method: Method; path: string; body: Buffer },
  apiVersion: string,
): Record<string, string> {
  return signRequest({ ...request, userId: user, apiVersion }, key, clock(), protocol);
}

/** The server is overloaded, or was not reached. One that is too slow once will not be faster for being asked again. */
function isPassing(error: unknown): boolean {
  return error instanceof KeywardError && (error.code === "unreachable" || error.code === "busy");
}

/** 406: the server speaks other versions of its API. */
class OtherVersion extends KeywardError {
  readonly version: string;
  constructor(what: string, version: string) {
    super("unreachable", `${what}: does not speak version ${API_VERSION} of its API`);
    this.version = version;
  }
}

/** Only the status is repeated: what the server says may hold what it was sent. */
function refusalOf(what: string, status: number, body: string): KeywardError {
  if (status === 406) return new OtherVersion(what, String(newestOf(body)));
  if (status === 400) return new KeywardError("malformed", `${what}: does not take this (400)`);
  if (status === 401)
    return new KeywardError("unauthenticated", `${what}: does not know this client or key (401)`, {
      hint: "see that the name and the key belong together, and that the clocks agree to 15 minutes",
    });
  if (status === 403) return new KeywardError("denied", `${what}: not allowed (403)`);
  if (status === 404) return new KeywardError("not-found", `${what}: not found (404)`);
  if (status === 409) return new KeywardError("conflict", `${what}: exists already (409)`);
  if (status === 413) return new KeywardError("too-large", `${what}: too large for it (413)`);
  if (status === 429 || status >= 500) return new KeywardError("busy", `${what}: answered ${status}`);
  return new KeywardError("malformed", `${what}: answered ${status}, which is no answer of a Chef server`, {
    hint: "give the whole address, as https://chef.example.com/organizations/NAME",
  });
}

function newestOf(body: string): number {
  try {
    const json: Json = parseJson(body, "406");
    const newest = isObject(json) ? Number(json.max_api_version ?? json.max_version) : Number.NaN;
    return Number.isInteger(newest) && newest >= 0 && newest < 100 ? newest : 0;
  } catch {
    return 0;
  }
}
