/**
 * The 69 requests that were recorded from chef-zero and goiardi. A real goiardi, which checks our signatures, answers each
 * as it did; and our client makes of each recorded answer, of both servers, what it should.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { createChefServer } from "../../src/adapters/chef-server/chef-server.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { systemClock } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { signRequest } from "../../src/formats/chef-signature/chef-signature.ts";
import type { ChefServer } from "../../src/model/chef-server.ts";
import { startGoiardi } from "./goiardi.ts";

interface Answer {
  /** 0: the connection was closed without one. */
  readonly status: number;
  readonly body: unknown;
}
interface Step {
  readonly step: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly chef_zero: Answer;
  readonly goiardi: Answer;
}

const file = new URL("../vectors/chef/rest.json", import.meta.url);
const { steps } = JSON.parse(readFileSync(file, "utf8")) as { readonly steps: readonly Step[] };

/** Keys and server names are another each time. */
const neutral = (text: string, url: string): unknown => {
  const port = new URL(url).port;
  const named = text.replace(new RegExp(`http://[^/"]+:${port}`, "g"), "http://SERVER");
  try {
    return JSON.parse(named, (name, value) => (name === "public_key" ? "PEM" : value));
  } catch {
    return named;
  }
};

/** In the order of their names: goiardi keeps rows in none. */
const sorted = (body: unknown): unknown => {
  const rows = (body as { rows?: object[] } | null)?.rows;
  return rows === undefined
    ? body
    : { ...(body as object), rows: rows.map((row) => JSON.stringify(row)).sort() };
};

/** On a connection of its own, since goiardi closes some; `null` when it is closed without an answer. */
function exchange(
  url: string,
  method: string,
  body: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string } | null> {
  return new Promise((resolve) => {
    const asking = request(url, { method, headers, agent: false }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part);
      resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString() });
    });
    asking.on("error", () => resolve(null)).end(body);
  });
}

test("a real goiardi answers each recorded request, signed by us, as it did", async () => {
  const goiardi = await startGoiardi();
  try {
    assert.equal(steps.length, 69);
    for (const { step, method, path, body, headers, goiardi: recorded } of steps) {
      const sent = body === null ? "" : typeof body === "string" ? body : JSON.stringify(body);
      const apiVersion = headers?.["X-Ops-Server-API-Version"] ?? "1";
      const signedRequest = {
        method,
        path: path.split("?")[0] ?? "",
        body: Buffer.from(sent),
        userId: "admin",
        apiVersion,
      };
      const ask = async (): Promise<Answer> => {
        const answer = await exchange(goiardi.url + path, method, sent, {
          "X-Ops-Server-API-Version": "1",
          "X-Chef-Version": "18.0.0",
          Accept: "application/json",
          ...(sent !== "" && { "Content-Type": "application/json" }),
          ...headers,
          ...signRequest(signedRequest, goiardi.key, systemClock()),
        });
        if (answer === null) return { status: 0, body: sorted(recorded.body) };
        return { status: answer.status, body: sorted(neutral(answer.text, goiardi.url)) };
      };
      const wanted = { status: recorded.status, body: sorted(recorded.body) };
      let found = await ask();
      // Its index is filled behind its answers.
      for (let i = 0; path.startsWith("/search") && i < 200 && !isDeepStrictEqual(found, wanted); i++) {
        await sleep(50);
        found = await ask();
      }
      assert.deepEqual(found, wanted, step);
    }
  } finally {
    await goiardi.stop();
  }
});

async function collect(all: AsyncIterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const one of all) found.push(one);
  return found;
}
const names = (body: unknown): string[] => Object.keys(body as object).sort();

interface Ours {
  readonly ask: (chef: ChefServer) => Promise<unknown>;
  /** Of an answer that went well. */
  readonly gives: (body: unknown) => unknown;
  /** Of one that did not, where that is no error. */
  readonly instead?: Readonly<Record<number, unknown>>;
}

/** What our client says to get this request sent; `null` for what it never sends. */
function oursOf({ method, path, body, headers }: Step): Ours | null {
  const [where = "", query = ""] = path.split("?");
  const [, kind = "", of = "", id = ""] = where.split("/");
  const nothing = (): undefined => undefined;
  const json = JSON.stringify(body);
  const q = new URLSearchParams(query).get("q") ?? "*:*";
  if (headers?.Accept !== undefined) return null;
  switch (`${method} ${[kind, of && "NAME", id && "ID"].filter(Boolean).join("/")}`) {
    case "GET data":
      return { ask: (chef) => chef.bags(), gives: names };
    case "POST data": {
      const name = (body as { name?: string }).name;
      if (name === undefined) return null;
      return { ask: (chef) => chef.createBag(name as never), gives: () => true, instead: { 409: false } };
    }
    case "DELETE data/NAME":
      return { ask: (chef) => chef.deleteBag(of as never), gives: nothing };
    case "GET data/NAME":
      return { ask: (chef) => chef.itemIds(of as never), gives: names };
    case "POST data/NAME":
      return { ask: (chef) => chef.createItem(of as never, json), gives: nothing };
    case "GET data/NAME/ID":
      return {
        ask: async (chef) => JSON.parse(await chef.item(of as never, id as never)),
        gives: (one) => one,
      };
    case "PUT data/NAME/ID":
      return { ask: (chef) => chef.putItem(of as never, id as never, json), gives: nothing };
    case "DELETE data/NAME/ID":
      return { ask: (chef) => chef.deleteItem(of as never, id as never), gives: nothing };
    case "GET nodes":
      return { ask: (chef) => chef.nodeNames(), gives: names };
    case "GET nodes/NAME":
      return { ask: (chef) => chef.node(of), gives: (one) => one };
    case "GET clients":
      return { ask: (chef) => chef.clientNames(), gives: names };
    case "GET clients/NAME/ID":
      return { ask: (chef) => chef.clientKey(of), gives: nothing, instead: { 404: null } };
    case "GET search/NAME":
      return {
        ask: (chef) => collect(chef.search(of, q)),
        gives: (found) => (found as { rows: unknown[] }).rows,
      };
    case "POST search/NAME": {
      const wanted = body as Record<string, string[]>;
      if (!Object.values(wanted).every(Array.isArray)) return null;
      return {
        ask: (chef) => collect(chef.partialSearch(of, q, wanted)),
        gives: (found) => (found as { rows: { data: unknown }[] }).rows.map(({ data }) => data),
      };
    }
    default:
      return null;
  }
}

const codes: Readonly<Record<number, string>> = {
  0: "unreachable",
  400: "malformed",
  404: "not-found",
  405: "malformed",
  406: "unreachable",
  409: "conflict",
  500: "busy",
};

for (const server of ["chef_zero", "goiardi"] as const)
  test(`our client makes of each answer of ${server} what it says, and of each refusal its own error`, async () => {
    let now: Step | undefined;
    const asked: string[] = [];
    const replay = createServer((request, response) => {
      request.resume();
      asked.push(`${request.method} ${request.url?.split("?")[0]}`);
      const { status, body } = now?.[server] ?? { status: 500, body: "" };
      if (status === 0) response.destroy();
      else response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
    });
    await new Promise<void>((resolve) => replay.listen(0, "127.0.0.1", resolve));
    const chef = createChefServer({
      url: `http://127.0.0.1:${(replay.address() as AddressInfo).port}`,
      user: "admin",
      key: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
      clock: systemClock,
      random: systemRandom,
      wait: async () => {},
    });
    let count = 0;
    try {
      for (now of steps) {
        const ours = oursOf(now);
        if (ours === null) continue;
        count++;
        asked.length = 0;
        const { step, method, path } = now;
        const { status, body } = now[server];
        const got = await ours.ask(chef).catch((error: unknown) => error);
        assert.ok(asked.includes(`${method} ${path.split("?")[0]}`), `${step}: ${asked.join(", ")}`);
        if (status >= 200 && status < 300) assert.deepEqual(got, ours.gives(body), step);
        else if (ours.instead?.[status] !== undefined) assert.deepEqual(got, ours.instead[status], step);
        else assert.ok(isKeywardError(got, codes[status] as never), `${step}: ${status}, ${String(got)}`);
      }
    } finally {
      chef.close();
      replay.closeAllConnections();
      await new Promise((resolve) => replay.close(resolve));
    }
    assert.equal(count, 55);
  });
