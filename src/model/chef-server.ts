/**
 * Chef server: the contract of a server that keeps nodes, clients and data bags. It has no conditional write, no
 * history and no watch: the last writer wins, and changes are found by asking again.
 */
import type { ExactJson } from "../base/exact-json.ts";
import type { Json } from "../base/json.ts";

export interface ChefServer {
  /** In words, for a person: `the Chef server at https://chef.example.com/organizations/acme`. */
  readonly name: string;

  bags(): Promise<string[]>;
  /** @returns `false` when it was there. */
  createBag(bag: string): Promise<boolean>;
  /** With all its items. @throws KeywardError `not-found` */
  deleteBag(bag: string): Promise<void>;

  /** @throws KeywardError `not-found` when there is no such bag. */
  itemIds(bag: string): Promise<string[]>;
  /** The item's JSON as it was sent, so that numbers keep their digits. @throws KeywardError `not-found` */
  item(bag: string, id: string): Promise<string>;
  /** @param json - An object whose `id` is the item's. @throws KeywardError `conflict` when it is there. */
  createItem(bag: string, json: string): Promise<void>;
  /** Over what is there, or new. @throws KeywardError `not-found` when there is no such bag. */
  putItem(bag: string, id: string, json: string): Promise<void>;
  /** @throws KeywardError `not-found` */
  deleteItem(bag: string, id: string): Promise<void>;

  nodeNames(): Promise<string[]>;
  /** With each number as its text, as `parseChefObject` reads it. @throws KeywardError `not-found` */
  node(name: string): Promise<Json>;
  /** The node's JSON as it was sent. @throws KeywardError `not-found` */
  nodeText(name: string): Promise<string>;
  environments(): Promise<string[]>;
  clientNames(): Promise<string[]>;
  /** PEM. @returns `null` when there is no such client, or it has no key. */
  clientKey(name: string): Promise<string | null>;
  /** PEM. @returns `null` as `clientKey` */
  userKey(name: string): Promise<string | null>;

  /**
   * Objects of an index: `node`, `client`, `environment`, `role` or a bag's name. Page after page; what changes
   * meanwhile may come twice or not at all.
   *
   * @throws KeywardError `malformed` for a query that the server does not take, `not-found` for an index.
   */
  search(index: string, query: string): AsyncIterable<Json>;
  /** Only what lies at these paths, each under the name that it is given here. */
  partialSearch(
    index: string,
    query: string,
    wanted: Readonly<Record<string, readonly string[]>>,
  ): AsyncIterable<Readonly<Record<string, Json>>>;

  /**
   * One page of a search, numbers and all as they were sent.
   *
   * @throws KeywardError as `search`
   */
  searchPage(index: string, query: string, page: SearchPage): Promise<FoundPage>;

  close(): void;
}

export interface SearchPage {
  readonly start: number;
  readonly rows: number;
  /** Only what lies at these paths, each under the name that it is given here. */
  readonly wanted?: Readonly<Record<string, readonly string[]>>;
}

export interface FoundPage {
  readonly rows: readonly ExactJson[];
  /** How many the server says that there are: goiardi says how many it sent. */
  readonly total: number;
}
