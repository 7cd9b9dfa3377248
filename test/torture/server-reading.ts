/**
 * Reading back over the API what the clients of the server torture wrote: every acknowledged act is there, the one
 * under way is there wholly or not at all, and keys, values, grants, nodes and the audit log tell the same story.
 */
import { hash } from "node:crypto";
import type { Api } from "../../src/api/api.ts";
import type { ResponseOf } from "../../src/api/shapes.ts";
import {
  type Ack,
  attributesOf,
  type Book,
  heldGrant,
  keysOf,
  nodeOf,
  prefixOf,
  type Wrote,
} from "./server-acts.ts";

type Event = ResponseOf<"audit.list">["events"][number];
type Key = ResponseOf<"key.list">["keys"][number];
type Grant = ResponseOf<"grant.list">["grants"][number];
type Node = ResponseOf<"node.list">["nodes"][number];

const PAGE = "1000";
/** Rounds: the whole log only grows, and what is new in it is looked at each time. */
const LOG_EVERY = 5;
/** Requests at a time, each on a connection of its own, which costs more than they do. */
const AT_ONCE = 4;

/** How far the log was read, and the digests of each key's values; `null` for one that the server made unseen. */
export interface Known {
  read: { seq: number; hash: string };
  checkpoint: ResponseOf<"audit.checkpoint"> | null;
  readonly keys: Map<string, readonly (string | null)[]>;
}

export function createKnown(): Known {
  return { read: { seq: 0, hash: "0".repeat(64) }, checkpoint: null, keys: new Map() };
}

/** What the server says of one round. */
interface Told {
  readonly events: readonly Event[];
  readonly keys: ReadonlyMap<string, Key>;
  readonly grants: readonly Grant[];
  readonly nodes: ReadonlyMap<string, Node>;
}

/** @throws Error that says what is missing, torn or told differently. */
export async function verifyRound(
  api: Api,
  books: readonly Book[],
  known: Known,
  round: number,
): Promise<void> {
  const told: Told = {
    events: await eventsAfter(api, known),
    keys: new Map((await keysUnder(api, prefixOf(round))).map((key) => [key.name, key])),
    grants: (await api.call("grant.list", {})).grants,
    nodes: new Map(
      (await api.call("node.list", { query: { limit: PAGE } })).nodes.map((node) => [node.name, node]),
    ),
  };
  for (const book of books) {
    verifyGrants(book, told);
    verifyNode(book, told);
    verifyReads(book, told);
  }
  const written = books.flatMap((book) => Object.values(keysOf(book)).map((key) => [book, key] as const));
  await inParallel(written, async ([book, key]) => {
    const digests = await verifyKey(api, book, key, told);
    if (digests.length > 0) known.keys.set(key, digests);
  });
  if (told.keys.size > written.length) fail(`round ${round}: ${told.keys.size} keys`);
  if (round % LOG_EVERY === 0) await verifyLog(api, known);
}

/** Every version of every key of every round is there and opens, and nothing else is. */
export async function verifyAll(api: Api, known: Known): Promise<void> {
  const all = await keysUnder(api, "torture/");
  if (all.length !== known.keys.size) fail(`${all.length} keys are there, ${known.keys.size} were written`);
  await inParallel(all, async ({ name, versions }) => {
    const digests = known.keys.get(name) ?? [];
    if (versions.length !== digests.length) fail(`${name}: ${versions.length} versions`);
    for (const [i, digest] of digests.entries()) {
      const found = digestOf(await readValue(api, name, i + 1));
      if (digest !== null && found !== digest) fail(`${name}: version ${i + 1} has another value`);
    }
  });
  await verifyLog(api, known);
}

/** Against what was signed the last time, too; as if that was kept elsewhere. */
async function verifyLog(api: Api, known: Known): Promise<void> {
  const before = known.checkpoint === null ? {} : { checkpoint: known.checkpoint };
  const { intact, problems } = await api.call("audit.verify", { body: before });
  if (!intact) fail(`the audit log is not intact: ${JSON.stringify(problems.slice(0, 3))}`);
  known.checkpoint = await api.call("audit.checkpoint", {});
}

/**
 * Its versions, their states, their events, and the values of the newest two; `verifyAll` reads the others.
 *
 * @returns Digests of its values.
 */
async function verifyKey(
  api: Api,
  book: Book,
  key: string,
  { events, keys }: Told,
): Promise<(string | null)[]> {
  const acks = book.done.filter((ack): ack is Ack & Wrote => ack.kind === "wrote" && ack.key === key);
  const open = book.underWay?.kind === "wrote" && book.underWay.key === key ? [book.underWay] : [];
  const values = [...acks, ...open].map(({ value }) => value);
  const versions = keys.get(key)?.versions ?? [];
  const count = versions.length;
  same(
    `${key}: answers`,
    acks.map(({ version }) => version),
    acks.map((_, i) => i + 1),
  );
  if (count < acks.length) fail(`${key}: version ${acks.length} was acknowledged, the last is ${count}`);
  if (count > values.length) fail(`${key}: ${count} versions, of which ${values.length} were asked for`);
  same(
    `${key}: versions`,
    versions.map(({ number, state }) => `${number} ${state.kind}`),
    versions.map((_, i) => `${i + 1} ${i + 1 === count ? "primary" : "retiring"}`),
  );
  same(
    `${key}: versions in the log`,
    events.filter(({ action, resource }) => action === "key:write" && resource === key).map(versionIn),
    versions.map(({ number }) => number),
  );
  const digests = values.slice(0, count).map((value) => (value === null ? null : digestOf(value)));
  for (let version = Math.max(1, count - 1); version <= count; version++) {
    const value = await readValue(api, key, version);
    const digest = digestOf(value);
    if ((digests[version - 1] ?? digest) !== digest) fail(`${key}: version ${version} has another value`);
    if (Buffer.from(value, "base64").byteLength !== versions[version - 1]?.size)
      fail(`${key}: version ${version} is torn`);
    digests[version - 1] = digest;
  }
  return digests;
}

function versionIn({ detail }: Event): unknown {
  return detail?.version;
}

async function readValue(api: Api, name: string, version: number): Promise<string> {
  return (await api.call("key.get", { path: { name }, query: { version: String(version) } })).value;
}

function digestOf(value: string): string {
  return hash("sha256", value, "hex");
}

/** The grant that was added last, and what is told of additions and removals. */
function verifyGrants({ writer, round, done, underWay }: Book, { grants, events }: Told): void {
  const { stored } = keysOf({ writer, round });
  const held = heldGrant({ done });
  const found = grants.filter(({ key }) => key === stored).map(({ id }) => id);
  const noted = events.filter((event) => event.action === "grant:write" && event.resource === stored);
  const inLog = new Set<string>();
  for (const { detail } of noted) {
    if (detail?.change === "add") inLog.add(String(detail.grant));
    else inLog.delete(String(detail?.grant));
  }
  same(`${stored}: grants and the log`, found, [...inLog]);
  const acknowledged = done.filter(({ kind }) => kind === "granted" || kind === "ungranted").length;
  const open = underWay?.kind === "granted" || underWay?.kind === "ungranted";
  if (noted.length === acknowledged) {
    same(`${stored}: grants`, found, held === undefined ? [] : [held]);
    return;
  }
  if (!open || noted.length !== acknowledged + 1)
    fail(`${stored}: ${noted.length} changes of grants are in the log`);
  const [grant] = underWay.kind === "granted" ? grants.filter(({ id }) => found.includes(id)) : [];
  const path = underWay.kind === "granted" ? underWay.path : undefined;
  const place = grant?.delivery.kind === "file" ? grant.delivery.path : undefined;
  if (place !== path) fail(`${stored}: the last grant is torn`);
}

function verifyNode({ writer, round, done, underWay }: Book, { nodes, events }: Told): void {
  const name = nodeOf(writer);
  const numbers = done.flatMap((ack) => (ack.kind === "set" ? [ack.number] : []));
  const open = underWay?.kind === "set" ? [underWay.number] : [];
  const noted = events.filter(({ resource, detail }) => resource === name && detail?.change === "set");
  const wanted = [...numbers, ...open].map((number) => JSON.stringify(attributesOf(round, number)));
  if (noted.length < numbers.length) fail(`${name}: ${noted.length} changes are in the log`);
  same(
    `${name}: changes`,
    noted.map(({ detail }) => detail?.attributes),
    wanted.slice(0, noted.length),
  );
  const last = wanted[noted.length - 1];
  if (last !== undefined && JSON.stringify(nodes.get(name)?.attributes.set) !== last)
    fail(`${name}: is torn`);
}

/** Who was given a value is in the log. */
function verifyReads({ writer, round, done }: Book, { events }: Told): void {
  const { stored } = keysOf({ writer, round });
  const answered = done.filter(({ kind }) => kind === "read").length;
  const noted = events.filter(({ action, resource }) => action === "key:read" && resource === stored).length;
  if (noted < answered) fail(`${stored}: ${noted} reads are in the log, ${answered} were answered`);
}

/** Those since the last reading; their numbers and hashes must go on from there. */
async function eventsAfter(api: Api, known: Known): Promise<Event[]> {
  const all: Event[] = [];
  for (let more = true; more; ) {
    const page = await api.call("audit.list", { query: { after: String(known.read.seq), limit: PAGE } });
    for (const event of page.events) {
      if (event.seq !== known.read.seq + 1 || event.previous !== known.read.hash)
        fail(`event ${event.seq}: no chain`);
      known.read = event;
    }
    all.push(...page.events.filter(({ outcome }) => outcome === "ok"));
    more = page.more;
  }
  return all;
}

async function keysUnder(api: Api, prefix: string): Promise<Key[]> {
  const all: Key[] = [];
  for (let more = true; more; ) {
    const after = all.at(-1)?.name;
    const query = { prefix, limit: PAGE, ...(after === undefined ? {} : { after }) };
    const page = await api.call("key.list", { query });
    all.push(...page.keys);
    more = page.more;
  }
  return all;
}

async function inParallel<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function same(what: string, found: readonly unknown[], wanted: readonly unknown[]): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted))
    fail(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

function fail(what: string): never {
  throw new Error(what);
}
