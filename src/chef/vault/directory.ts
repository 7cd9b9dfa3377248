/** Whom a vault can be wrapped for: public keys by name, and the names that a search finds. */
import type { KeyObject } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { parseJson } from "../../base/json.ts";
import { readBytes } from "../../command/read-file.ts";
import { readRsaPublicKey } from "../../crypto/rsa-wrap.ts";
import { chefDocument, parseChefSearch } from "../../formats/chef-search/chef-search.ts";
import { chefFacts, parseChefObject } from "../../model/chef-facts.ts";
import type { ChefServer } from "../../model/chef-server.ts";
import { isObject } from "../../model/flatten.ts";
import { printable } from "../../model/name.ts";

export interface Directory {
  /** @returns `null` when there is no such client, or it has no key. @throws KeywardError `malformed` */
  client(name: string): Promise<KeyObject | null>;
  /** A user, or a client of that name. */
  admin(name: string): Promise<KeyObject | null>;
  /** Names of nodes, each once, in order. */
  search(query: string): Promise<string[]>;
}

export function directoryOnServer(chef: ChefServer): Directory {
  const client = async (name: string): Promise<KeyObject | null> =>
    keyOf(await chef.clientKey(name), `client ${printable(name)}`);
  return {
    client,
    admin: async (name) => keyOf(await chef.userKey(name), `user ${printable(name)}`) ?? (await client(name)),
    async search(query) {
      const names = new Set<string>();
      for await (const { name } of chef.partialSearch("node", query, { name: ["name"] }))
        if (typeof name === "string") names.add(name);
      return [...names].sort();
    },
  };
}

const MAX_FILE = 4_194_304;
const nodeLimits = { size: MAX_FILE, depth: 64, count: 500_000 };

/** `clients/NAME.json` or `.pem`, `users/…`, and `nodes/*.json`, as `knife download` lays them out. */
export function directoryInRepository(root: string): Directory {
  const keyIn = async (folder: string, name: string): Promise<KeyObject | null> => {
    const pem = publicKeyIn(path.join(root, folder), name);
    return keyOf(pem, `${folder.slice(0, -1)} ${printable(name)}`);
  };
  return {
    client: (name) => keyIn("clients", name),
    admin: async (name) => (await keyIn("users", name)) ?? (await keyIn("clients", name)),
    search: async (query) => searchIn(path.join(root, "nodes"), query),
  };
}

function keyOf(pem: string | null, what: string): KeyObject | null {
  return pem === null ? null : readRsaPublicKey(pem, `public key of ${what}`);
}

function publicKeyIn(folder: string, name: string): string | null {
  const [json, pem] = [path.join(folder, `${name}.json`), path.join(folder, `${name}.pem`)];
  if (existsSync(pem)) return fromUtf8(readBytes(pem, "public key", MAX_FILE), printable(pem));
  if (!existsSync(json)) return null;
  const object = parseJson(fromUtf8(readBytes(json, "client", MAX_FILE), printable(json)), printable(json));
  const key = isObject(object) ? object.public_key : undefined;
  return typeof key === "string" && key !== "" ? key : null;
}

function searchIn(folder: string, query: string): string[] {
  if (!existsSync(folder))
    throw new KeywardError(
      "not-found",
      `${printable(folder)}: not found, so that there are no nodes to search`,
      {
        hint: "bring them in: knife download nodes; or name the server with --chef-server",
      },
    );
  const test = parseChefSearch(query);
  const names: string[] = [];
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".json") || file.startsWith(".")) continue;
    const at = path.join(folder, file);
    const node = parseChefObject(fromUtf8(readBytes(at, "node", MAX_FILE), file), printable(at), nodeLimits);
    if (!isObject(node)) throw new KeywardError("malformed", `${printable(at)}: not a node object`);
    const facts = chefFacts(node);
    if (test(chefDocument(facts))) names.push(facts.name);
  }
  return names.sort();
}
