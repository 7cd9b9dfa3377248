/**
 * Chef server: data bags, nodes, clients and search over its signed HTTP API; Chef Infra Server, goiardi and
 * chef-zero. Every request is signed and has a deadline; what changes nothing, or can be said twice, is asked again
 * with growing, random pauses when the server is overloaded or away.
 *
 * Source: Chef Infra Server API, docs.chef.io; chef/chef, lib/chef/http and server_api. Signatures:
 * docs/formats/chef-signature.md.
 */
import type { KeyObject } from "node:crypto";
import { KeywardError } from "../../base/errors.ts";
import { type Json, parseJson } from "../../base/json.ts";
import type { Clock } from "../../base/time.ts";
import type { Random } from "../../crypto/random.ts";
import type { Protocol } from "../../formats/chef-signature/chef-signature.ts";
import { parseChefObject } from "../../model/chef-facts.ts";
import type { ChefServer } from "../../model/chef-server.ts";
import { isObject } from "../../model/flatten.ts";
import { createUpstream, parseUpstreamUrl } from "../upstream.ts";
import { createPaging } from "./paging.ts";
import { createRequests, type Requests } from "./requests.ts";

export interface ChefServerOptions {
  /** With the organisation: `https://chef.example.com/organizations/acme`. */
  readonly url: string;
  /** The client or user that signs. */
  readonly user: string;
  /** Its RSA private key. */
  readonly key: KeyObject;
  /** 1.3 unless given; servers before 12.4 want 1.1. */
  readonly protocol?: Protocol;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: readonly string[];
  readonly deadlineMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Waits between two attempts. */
  readonly wait: (ms: number) => Promise<void>;
}

/** Bytes of one answer: a page of 1,000 nodes of 256 kB. */
const ANSWER_LIMIT = 268_435_456;
const answerLimits = { size: ANSWER_LIMIT, depth: 128, count: 50_000_000 };

/** @throws KeywardError `usage` when `url` is none. */
export function createChefServer(options: ChefServerOptions): ChefServer {
  const url = parseUpstreamUrl(options.url, "Chef server");
  const name = `the Chef server at ${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  const upstream = createUpstream({
    what: name,
    url,
    deadlineMs: options.deadlineMs ?? 60_000,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  const requests = createRequests({ ...options, what: name, upstream, limit: ANSWER_LIMIT });
  return {
    name,
    ...bagsOf(requests, name),
    ...objectsOf(requests, name),
    ...createPaging(requests, name),
    close: () => upstream.close(),
  };
}

type Bags = Pick<
  ChefServer,
  "bags" | "createBag" | "deleteBag" | "itemIds" | "item" | "createItem" | "putItem" | "deleteItem"
>;

function bagsOf({ get, put, post, remove }: Requests, name: string): Bags {
  const bagPath = (bag: string): string => `/data/${segment(bag)}`;
  const itemPath = (bag: string, id: string): string => `${bagPath(bag)}/${segment(id)}`;
  return {
    bags: async () => namesIn(await get("/data"), name),
    async createBag(bag) {
      return await post("/data", JSON.stringify({ name: bag })).then(
        () => true,
        (error: unknown) => {
          if (error instanceof KeywardError && error.code === "conflict") return false;
          throw error;
        },
      );
    },
    deleteBag: (bag) => remove(bagPath(bag)),
    itemIds: async (bag) => namesIn(await get(bagPath(bag)), name),
    item: (bag, id) => get(itemPath(bag, id)),
    createItem: (bag, json) => post(bagPath(bag), json),
    async putItem(bag, id, json) {
      try {
        await put(itemPath(bag, id), json);
      } catch (error) {
        if (!(error instanceof KeywardError) || error.code !== "not-found") throw error;
        await post(bagPath(bag), json);
      }
    },
    deleteItem: (bag, id) => remove(itemPath(bag, id)),
  };
}

type Objects = Pick<
  ChefServer,
  "nodeNames" | "node" | "nodeText" | "environments" | "clientNames" | "clientKey" | "userKey"
>;

function objectsOf({ get }: Requests, name: string): Objects {
  /** Under `keys/` since version 1 of the API, in the object itself before. */
  async function keyOf(kind: "clients" | "users", of: string): Promise<string | null> {
    const base = `/${kind}/${segment(of)}`;
    const answer = (await orNull(get(`${base}/keys/default`))) ?? (await orNull(get(base)));
    if (answer === null) return null;
    const { public_key } = objectIn(answer, name);
    return typeof public_key === "string" && public_key !== "" ? public_key : null;
  }
  return {
    nodeNames: async () => namesIn(await get("/nodes"), name),
    node: async (node) => parseChefObject(await get(`/nodes/${segment(node)}`), name, answerLimits),
    nodeText: (node) => get(`/nodes/${segment(node)}`),
    environments: async () => namesIn(await get("/environments"), name),
    clientNames: async () => namesIn(await get("/clients"), name),
    clientKey: (client) => keyOf("clients", client),
    userKey: (user) => keyOf("users", user),
  };
}

/**
 * One segment of a path. What servers would take for something else is refused: goiardi cleans dots away, and a slash
 * would name another object.
 */
function segment(text: string): string {
  if (/^[\p{L}\p{N}_:.-]+$/u.test(text) && text !== "." && text !== "..") return encodeURIComponent(text);
  throw new KeywardError("usage", "Chef server: a name holds letters, digits and _ - . : only");
}

async function orNull(answer: Promise<string>): Promise<string | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KeywardError && error.code === "not-found") return null;
    throw error;
  }
}

/** A list is an object of addresses by name. */
function namesIn(text: string, what: string): string[] {
  return Object.keys(objectIn(text, what)).sort();
}

function objectIn(text: string, what: string): { readonly [name: string]: Json } {
  const json = parseJson(text, what, answerLimits);
  if (isObject(json)) return json;
  throw new KeywardError("malformed", `${what}: answered something else than an object`);
}
