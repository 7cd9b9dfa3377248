/** Fills the roster, the ledger and the escrow book from the store, and keeps them current by its watches. */
import type { GrantId } from "../model/grant.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { deliveries, escrows, grants, keys, nodes } from "../records/records.ts";
import type { Revision, Store, StoreRecord, Watch, WatchBatch } from "../store/store.ts";
import { markOf } from "./entries.ts";
import type { EscrowBook } from "./escrow-book.ts";
import type { Ledger } from "./ledger.ts";
import type { Roster } from "./roster.ts";

/** What becomes of the records of one table. */
interface Follower {
  readonly prefix: string;
  put(record: StoreRecord): void;
  /** @param id - The record's key without the prefix. */
  remove(id: string): void;
}

export interface Following {
  /** The newest commit that concerned the fleet. */
  revision(): Revision;
  close(): void;
}

/** Records read at a time. */
const PAGE = 2000;

/** @throws KeywardError `integrity` when a record is not what its table holds; `compacted`: begin anew. */
export async function follow(
  store: Store,
  roster: Roster,
  ledger: Ledger,
  book: EscrowBook,
): Promise<Following> {
  const followers = createFollowers(roster, ledger, book);
  let revision = await store.revision();
  const since = revision;
  for (const follower of followers) await load(store, follower);
  const watches: Watch[] = [];
  const close = (): void => {
    for (const watch of watches) watch.close();
  };
  const listen = (follower: Follower) => (batch: WatchBatch) => {
    if (batch.revision > revision) revision = batch.revision;
    apply(batch, follower);
  };
  try {
    for (const follower of followers) watches.push(store.watch(follower.prefix, since, listen(follower)));
    await Promise.all(watches.map((watch) => watch.caughtUp));
  } catch (error) {
    close();
    throw error;
  }
  return { revision: () => revision, close };
}

/** Grants come before nodes: a node looks up its grants, a grant would have to visit all nodes. */
function createFollowers(roster: Roster, ledger: Ledger, book: EscrowBook): Follower[] {
  return [
    {
      prefix: keys.prefix,
      put: ({ key, value }) => roster.putKey(keys.decode(key, value)),
      remove: (id) => roster.removeKey(id as KeyName),
    },
    {
      prefix: grants.prefix,
      put: ({ key, value }) => roster.putGrant(grants.decode(key, value), markOf(value)),
      remove: (id) => roster.removeGrant(id as GrantId),
    },
    {
      prefix: nodes.prefix,
      put: ({ key, value }) => roster.putNode(nodes.decode(key, value), markOf(value)),
      remove: (id) => roster.removeNode(id as NodeName),
    },
    {
      prefix: deliveries.prefix,
      put: ({ key, value }) => ledger.put(deliveries.decode(key, value)),
      remove: (id) => ledger.remove(id),
    },
    {
      prefix: escrows.prefix,
      put: ({ key, value }) => book.put(escrows.decode(key, value)),
      remove: (id) => book.remove(id),
    },
  ];
}

async function load(store: Store, follower: Follower): Promise<void> {
  let page = await store.range({ prefix: follower.prefix, limit: PAGE });
  for (;;) {
    for (const record of page) follower.put(record);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    page = await store.range({ prefix: follower.prefix, after: last.key, limit: PAGE });
  }
}

function apply({ changes }: WatchBatch, follower: Follower): void {
  for (const change of changes) {
    if (change.kind === "put") follower.put(change.record);
    else follower.remove(change.key.slice(follower.prefix.length));
  }
}
