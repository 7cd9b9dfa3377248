/** Sync: one round of what a Chef server knows of nodes, sent to Keyward in batches; what did not change is not sent. */
import { hash } from "node:crypto";
import type { BodyOf, ResponseOf } from "../api/shapes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { canonicalJson, type Json } from "../base/json.ts";
import type { Session } from "../command/session.ts";
import { chefInventory } from "../model/chef-inventory.ts";
import type { ChefServer } from "../model/chef-server.ts";
import { isObject } from "../model/flatten.ts";
import { parseNodeName } from "../model/name.ts";

export interface SyncRound {
  readonly nodes: number;
  readonly made: string[];
  readonly changed: string[];
  readonly unchanged: number;
  readonly gone: readonly string[];
  readonly refused: { name: string; why: string }[];
  readonly effect: ResponseOf<"inventory.finish">["effect"];
}

export interface Sync {
  /** @param lose - How many nodes may be gone. @throws KeywardError as the servers say. */
  round(lose: number | undefined): Promise<SyncRound>;
}

type NodeParts = BodyOf<"inventory.put">["nodes"][number];
type SyncSession = Pick<Session<"inventory.put" | "inventory.finish">, "call" | "world" | "progress">;

const SOURCE = "chef";
/** A batch stays well below what a request may hold. */
const BATCH_NODES = 200;
const BATCH_SIZE = 700_000;
const BATCH_VALUES = 50_000;
/** What a request leaves for one node's attributes of the levels that it takes. */
const MAX_DEPTH = 9;
/** After this long everything is sent again, should Keyward have lost it. */
const RESEND_MS = 3_600_000;

export function createSync(session: SyncSession, chef: ChefServer, more: readonly string[]): Sync {
  let sent = new Map<string, string>();
  let sentAll = 0;

  /** By searching, page by page; what that leaves out one by one, so that one node spoils no other. */
  async function* nodesOf(names: ReadonlySet<string>, refused: SyncRound["refused"]): AsyncIterable<Json> {
    const missing = new Set(names);
    try {
      for await (const row of chef.search("node", "*:*")) {
        const name = isObject(row) ? row.name : undefined;
        if (typeof name === "string" && missing.delete(name)) yield row;
      }
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
    for (const name of missing) {
      try {
        yield await chef.node(name);
      } catch (error) {
        if (isUnreadable(error)) refused.push({ name, why: error.message });
        else if (!isKeywardError(error, "not-found")) throw error;
      }
    }
  }

  return {
    async round(lose) {
      if (session.world.clock() - sentAll >= RESEND_MS) sent = new Map();
      const before = sent;
      // Forgotten until the round has ended well, so that a round that was cut off is done again.
      sent = new Map();
      const done: SyncRound = {
        nodes: 0,
        made: [],
        changed: [],
        unchanged: 0,
        gone: [],
        refused: [],
        effect: [],
      };
      const result = { ...done, nodes: 0, unchanged: 0 };
      const after = new Map<string, string>();
      const names = new Set(await chef.nodeNames());
      let batch: NodeParts[] = [];
      let size = 0;
      let values = 0;

      const send = async (): Promise<void> => {
        if (batch.length === 0) return;
        const answer = await session.call("inventory.put", {
          path: { source: SOURCE },
          body: { nodes: batch },
        });
        result.made.push(...answer.made);
        result.changed.push(...answer.changed);
        result.refused.push(...answer.refused);
        result.effect.push(...answer.effect);
        result.unchanged += answer.unchanged;
        for (const { name } of answer.refused) after.delete(name);
        [batch, size, values] = [[], 0, 0];
      };

      for await (const row of nodesOf(names, result.refused)) {
        result.nodes++;
        const node = readNode(row, more, result.refused);
        if (node === null) continue;
        const text = canonicalJson(node.parts);
        const digest = hash("sha256", text);
        after.set(node.name, digest);
        if (before.get(node.name) === digest) {
          result.unchanged++;
          continue;
        }
        const count = countOf(node.parts as unknown as Json);
        if (batch.length >= BATCH_NODES || size + text.length > BATCH_SIZE || values + count > BATCH_VALUES)
          await send();
        batch.push(node);
        size += text.length;
        values += count;
        session.progress.say(`${result.nodes} of ${names.size} nodes`);
      }
      await send();
      // What cannot be read counts as gone: a node cannot keep a key by spoiling what is said of it.
      const unread = new Set(result.refused.map(({ name }) => name));
      const present = [...names].filter((name) => isNodeName(name) && !unread.has(name));
      const answer = await session.call("inventory.finish", {
        path: { source: SOURCE },
        body: { names: present, ...(lose === undefined ? {} : { atMost: lose }) },
      });
      if (before.size === 0) sentAll = session.world.clock();
      sent = after;
      return { ...result, gone: answer.gone, effect: [...result.effect, ...answer.effect] };
    },
  };
}

function readNode(row: Json, more: readonly string[], refused: SyncRound["refused"]): NodeParts | null {
  const name = isObject(row) && typeof row.name === "string" ? row.name : "";
  try {
    const { name: parsed, parts } = chefInventory(row, more);
    if (depthOf(parts as unknown as Json) > MAX_DEPTH + 2)
      throw new KeywardError("too-large", `attributes nested deeper than ${MAX_DEPTH}`);
    return { name: parsed, parts: parts.map((part) => ({ ...part })) };
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    refused.push({ name: name.slice(0, 253), why: error.message });
    return null;
  }
}

/** An answer that is none, or too much. `usage`: a name that a server takes and we do not ask for. */
function isUnreadable(error: unknown): error is KeywardError {
  return isKeywardError(error) && ["malformed", "too-large", "usage"].includes(error.code);
}

function isNodeName(name: string): boolean {
  try {
    parseNodeName(name);
    return true;
  } catch {
    return false;
  }
}

function depthOf(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Object.values(value).reduce((most: number, one: Json) => Math.max(most, depthOf(one)), 0);
}

function countOf(value: Json): number {
  if (typeof value !== "object" || value === null) return 1;
  return 1 + Object.values(value).reduce((sum: number, one: Json) => sum + countOf(one), 0);
}
