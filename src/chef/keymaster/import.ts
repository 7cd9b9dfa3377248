/**
 * Import: one round over KeyMaster's bag. Each item of the environment becomes a key and a grant; what is there already
 * is left as it is, and an item that cannot be taken stops no other one.
 */
import { hash } from "node:crypto";
import type { BodyOf, ResponseOf } from "../../api/shapes.ts";
import { toBase64 } from "../../base/bytes.ts";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/json.ts";
import { everyPage } from "../../command/paging.ts";
import type { Session } from "../../command/session.ts";
import {
  type DataBagSecret,
  decryptDataBagItem,
  formsOf,
  parseStoredItem,
} from "../../formats/databag/databag.ts";
import { fileOf, isFor, queryOf, readKeymasterItem } from "../../formats/keymaster/keymaster.ts";
import { parseDataBagItemId } from "../../model/data-bag.ts";
import { parseInstallPath } from "../../model/grant.ts";
import { type KeyName, parseKeyName } from "../../model/name.ts";
import type { ItemBag } from "./bag.ts";

export interface ImportWay {
  readonly environment: string;
  /** Others that there are besides what the bag knows. */
  readonly environments: readonly string[];
  /** Before the item's id in the key's name: `keymaster/`. */
  readonly prefix: string;
  /** The folder on the nodes. */
  readonly path: string;
  readonly owner: string;
  readonly group: string;
  readonly mode: number;
  /** Take grants away whose item is gone. */
  readonly prune: boolean;
}

export type ItemChange = "new" | "changed" | "unchanged" | "refused" | "gone";

export interface ImportedItem {
  readonly id: string;
  readonly change: ItemChange;
  readonly key?: string;
  readonly version?: number;
  readonly to?: string;
  /** Why it was refused, and what to do. */
  readonly why?: string;
  readonly hint?: string;
}

type Effect = ResponseOf<"grant.add">["effect"];

export interface ImportRound {
  readonly items: readonly ImportedItem[];
  readonly effect: Effect;
  /** Ids of items whose values nobody has authenticated: versions 0 and 1. */
  readonly weak: readonly string[];
  /** Nobody said which environments there are, so that `x-non-production` could not be told from `x` of production. */
  readonly guessed: boolean;
}

type Call = "key.list" | "key.put" | "grant.list" | "grant.add" | "grant.remove" | "query.test";
export type ImportSession = Pick<Session<Call>, "call" | "dryRun" | "world" | "progress">;
type Grant = ResponseOf<"grant.list">["grants"][number];
type Delivery = Extract<BodyOf<"grant.add">["delivery"], { readonly kind: "file" }>;

interface GrantBody {
  readonly key: KeyName;
  readonly query: string;
  readonly delivery: Delivery;
}

/** After this long everything is looked at again, should someone have changed it in Keyward. */
const LOOK_AGAIN_MS = 3_600_000;

export interface Import {
  /** @returns `null` when nothing has changed since the last round. @throws KeywardError */
  round(): Promise<ImportRound | null>;
}

interface Item {
  readonly id: string;
  readonly text: string;
}

export function createImport(
  session: ImportSession,
  bag: ItemBag,
  secret: DataBagSecret,
  way: ImportWay,
): Import {
  let seen = "";
  let looked = 0;
  return {
    async round() {
      const known = await bag.environments();
      const environments = [...(known ?? []), ...way.environments];
      const ids = (await bag.ids()).filter((id) => isFor(id, way.environment, environments));
      const items: Item[] = [];
      const unread: ImportedItem[] = [];
      for (const id of ids) {
        try {
          items.push({ id, text: await bag.item(id) });
        } catch (error) {
          if (!isKeywardError(error) || !["malformed", "too-large", "integrity"].includes(error.code))
            throw error;
          unread.push(refusedOf(id, error));
        }
      }
      const mark = hash("sha256", canonicalJson([items, unread] as unknown));
      if (mark === seen && session.world.clock() - looked < LOOK_AGAIN_MS) return null;
      seen = "";
      const round = await applyAll(session, items, unread, secret, way);
      seen = mark;
      looked = session.world.clock();
      return { ...round, guessed: known === null && way.environments.length === 0 };
    },
  };
}

async function applyAll(
  session: ImportSession,
  items: readonly Item[],
  unread: readonly ImportedItem[],
  secret: DataBagSecret,
  way: ImportWay,
): Promise<Omit<ImportRound, "guessed">> {
  const versions = await versionsOf(session, way.prefix);
  const { grants } = await session.call("grant.list", { query: {} });
  const done: ImportedItem[] = [...unread];
  const effect: Effect = [];
  const weak: string[] = [];
  let wrong: KeywardError | null = null;
  for (const [i, item] of items.entries()) {
    session.progress.say(`${i + 1} of ${items.length} items`);
    try {
      const { imported, effect: more, isWeak } = await applyOne(session, item, secret, way, versions, grants);
      done.push(imported);
      effect.push(...more);
      if (isWeak) weak.push(item.id);
    } catch (error) {
      if (!isKeywardError(error) || stops(error)) throw error;
      if (error.code === "wrong-key") wrong ??= error;
      done.push(refusedOf(item.id, error));
    }
  }
  assertSomeOpened(items.length, done, wrong);
  if (way.prune) {
    const left = new Set([...items, ...unread].map(({ id }) => id));
    for (const one of await withdrawGone(session, left, way, grants)) {
      done.push(one.item);
      effect.push(...one.effect);
    }
  }
  return { items: done.sort((a, b) => (a.id < b.id ? -1 : 1)), effect, weak };
}

/** What is wrong with the server or with the caller's rights, not with the item. */
function stops({ code }: KeywardError): boolean {
  return !["malformed", "too-large", "integrity", "wrong-key", "usage", "conflict"].includes(code);
}

function assertSomeOpened(count: number, done: readonly ImportedItem[], wrong: KeywardError | null): void {
  if (wrong === null || count === 0 || !done.every(({ change }) => change === "refused")) return;
  throw new KeywardError("wrong-key", `the master key opens none of ${count} items`, {
    hint: "give the file that the cookbook calls master_key: /etc/keymaster/keymaster.key",
    cause: wrong,
  });
}

function refusedOf(id: string, { message, hint }: KeywardError): ImportedItem {
  return { id, change: "refused", why: message, ...(hint === undefined ? {} : { hint }) };
}

async function versionsOf(session: ImportSession, prefix: string): Promise<Map<string, number>> {
  const keys = await everyPage({}, async ({ limit, after }) => {
    const query = { prefix, limit, ...(after === undefined ? {} : { after }) };
    const answer = await session.call("key.list", { query });
    return { items: answer.keys, more: answer.more, last: answer.keys.at(-1)?.name };
  });
  return new Map(
    keys.flatMap(({ name, versions }) => {
      const primary = versions.find(({ state }) => state.kind === "primary");
      return primary === undefined ? [] : [[name, primary.number]];
    }),
  );
}

async function applyOne(
  session: ImportSession,
  { id, text }: Item,
  secret: DataBagSecret,
  way: ImportWay,
  versions: ReadonlyMap<string, number>,
  grants: readonly Grant[],
): Promise<{ imported: ImportedItem; effect: Effect; isWeak: boolean }> {
  const name = parseKeyName(way.prefix + parseDataBagItemId(id));
  const stored = parseStoredItem(text, `item ${JSON.stringify(id)}`);
  const plain = await decryptDataBagItem(stored, secret);
  if (plain.id !== id)
    throw new KeywardError("malformed", `item ${JSON.stringify(id)}: its id is another one`);
  const { destination, key } = readKeymasterItem(id, (member) => plain.get(member));
  using value = key;
  const query = queryOf(destination, way.environment);
  const delivery = deliveryOf(id, way);
  const before = versions.get(name);
  const body = { value: toBase64(value.reveal()) };
  const { version } = await session.call("key.put", { path: { name }, body });
  const given = await giveTo(session, name, query, delivery, grants, before === undefined);
  const isWeak = [...formsOf(stored)].some(([, form]) => form === 0 || form === 1);
  const change = before === undefined ? "new" : before !== version || given.changed ? "changed" : "unchanged";
  return { imported: { id, change, key: name, version, to: query }, effect: given.effect, isWeak };
}

function deliveryOf(id: string, { path, owner, group, mode }: ImportWay): Delivery {
  const file = parseInstallPath(fileOf(id, path));
  return { kind: "file", path: file, owner, group, mode, offline: "never" };
}

/** The new grant first, so that no node loses the key between the two. */
async function giveTo(
  session: ImportSession,
  key: KeyName,
  query: string,
  delivery: Delivery,
  grants: readonly Grant[],
  isNew: boolean,
): Promise<{ changed: boolean; effect: Effect }> {
  const ours = grants.filter((grant) => grant.key === key && isOurs(grant));
  const wanted = canonicalJson({ query, delivery });
  const same = ours.find(
    (grant) => canonicalJson({ query: grant.query, delivery: grant.delivery }) === wanted,
  );
  const effect: Effect = [];
  if (same === undefined) effect.push(...(await add(session, { key, query, delivery }, isNew)));
  const others = ours.filter((grant) => grant !== same);
  for (const { id } of others) effect.push(...(await session.call("grant.remove", { path: { id } })).effect);
  return { changed: same === undefined || others.length > 0, effect };
}

/** A key that is only rehearsed cannot be granted: then who would match is asked. */
async function add(session: ImportSession, body: GrantBody, isNew: boolean): Promise<Effect> {
  if (!(session.dryRun && isNew)) return (await session.call("grant.add", { body })).effect;
  const { nodes } = await session.call("query.test", { query: { query: body.query } });
  const { key, delivery, query } = body;
  return nodes.map((node) => ({ change: "gain", node, key, version: 1, path: delivery.path, reason: query }));
}

/** Made by an import, by its file's name: of one made by hand nothing is taken away. */
function isOurs({ key, delivery }: Grant): boolean {
  return delivery.kind === "file" && delivery.path.endsWith(`/${key.slice(key.lastIndexOf("/") + 1)}.key`);
}

async function withdrawGone(
  session: ImportSession,
  left: ReadonlySet<string>,
  { prefix, environment }: ImportWay,
  grants: readonly Grant[],
): Promise<{ item: ImportedItem; effect: Effect }[]> {
  const withdrawn: { item: ImportedItem; effect: Effect }[] = [];
  for (const grant of grants) {
    const { id: grantId, key, query } = grant;
    const id = key.slice(prefix.length);
    if (!key.startsWith(prefix) || id.includes("/") || left.has(id) || !isOurs(grant)) continue;
    if (!grantedIn(query, environment)) continue;
    const { effect } = await session.call("grant.remove", { path: { id: grantId } });
    withdrawn.push({ item: { id, change: "gone", key, to: query }, effect });
  }
  return withdrawn;
}

/** An import's own query begins with its environment: so two imports of two environments leave each other alone. */
function grantedIn(query: string, environment: string): boolean {
  const own = queryOf("*:*", environment);
  return query === own || query.startsWith(`${own} AND `);
}
