/**
 * Ledger: which version went to which node, and what the node has proved. In memory, kept current from the
 * store's `deliveries/`. Nodes stand in it under a keyed hash of their name, as they do in the store, so that a
 * copy of the store does not say who had what.
 */
import { toHex, utf8 } from "../base/bytes.ts";
import type { Secret } from "../base/secret.ts";
import { hmacSha256 } from "../crypto/mac.ts";
import type { DeliveryRecord, InstallPath } from "../model/grant.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { DeliveryRow } from "../records/records.ts";
import type { RootKey } from "../seal/root-key.ts";
import type { Held } from "./placements.ts";

/** HMAC-SHA-256 of a node's name, lower-case hex. */
export type NodeHash = string & { readonly kind: "node-hash" };

export interface Ledger {
  /** @throws KeywardError `sealed`, `uninitialised` */
  hashOf(node: NodeName): NodeHash;
  /** @returns `undefined` for one that nobody asked the hash of since the server started. */
  nodeOf(hash: NodeHash): NodeName | undefined;
  get(node: NodeName, key: KeyName): DeliveryRecord | undefined;
  /** All records of a node, in no order. */
  of(node: NodeName): readonly DeliveryRecord[];
  /** What lies on the node as far as is known: delivered, and not said to be withdrawn. */
  heldBy(node: NodeName): Held[];
  /** Keys that were delivered, not proved, and of which the node said that something went wrong. */
  failedOn(node: NodeName): ReadonlySet<KeyName>;
  /** Does the node hold this version, by its own proof? */
  hasProved(node: NodeName, key: KeyName, version: VersionNumber): boolean;

  put(row: DeliveryRow): void;
  /** @param id - HASH/KEY. */
  remove(id: string): void;
  clear(): void;
  /** Called when a record changed. */
  onChange(listener: (key: KeyName) => void): void;
}

export function createLedger(rootKey: RootKey): Ledger {
  const rows = new Map<string, Map<KeyName, DeliveryRecord>>();
  const hashes = createNodeHashes(rootKey);
  const keep = createInterner();
  const listeners = new Set<(key: KeyName) => void>();

  function of(node: NodeName): DeliveryRecord[] {
    return [...(rows.get(hashes.of(node))?.values() ?? [])];
  }

  function get(node: NodeName, key: KeyName): DeliveryRecord | undefined {
    return rows.get(hashes.of(node))?.get(key);
  }

  function tell(key: KeyName): void {
    for (const listener of listeners) listener(key);
  }

  return {
    hashOf: hashes.of,
    nodeOf: hashes.nodeOf,
    get,
    of,
    heldBy(node) {
      return of(node)
        .filter((record) => record.withdrawn === undefined)
        .flatMap(({ key, version, paths }) => paths.map((path) => ({ path, key, version })));
    },
    failedOn(node) {
      const failed = of(node).filter((one) => one.failed !== undefined && one.proved === undefined);
      return new Set(failed.map(({ key }) => key));
    },
    hasProved(node, key, version) {
      const record = get(node, key);
      return record?.version === version && record.proved !== undefined && record.withdrawn === undefined;
    },
    put(row) {
      const { node, ...record } = row;
      const key = keep(row.key) as KeyName;
      const kept = { ...record, key, paths: row.paths.map((path) => keep(path) as InstallPath) };
      const ofNode = rows.get(node);
      if (ofNode === undefined) rows.set(node, new Map([[key, kept]]));
      else ofNode.set(key, kept);
      tell(key);
    },
    remove(id) {
      const slash = id.indexOf("/");
      const node = id.slice(0, slash);
      const key = id.slice(slash + 1) as KeyName;
      const ofNode = rows.get(node);
      ofNode?.delete(key);
      if (ofNode?.size === 0) rows.delete(node);
      tell(key);
    },
    clear: () => rows.clear(),
    onChange(listener) {
      listeners.add(listener);
    },
  };
}

/** Names to hashes and back, remembered while the server is unsealed. */
function createNodeHashes(rootKey: RootKey): {
  of(node: NodeName): NodeHash;
  nodeOf(hash: NodeHash): NodeName | undefined;
} {
  const known = new Map<NodeName, NodeHash>();
  const names = new Map<NodeHash, NodeName>();
  let secret: Secret | null = null;
  rootKey.onSeal(() => {
    secret?.wipe();
    secret = null;
    known.clear();
    names.clear();
  });
  return {
    of(node) {
      const before = known.get(node);
      if (before !== undefined) return before;
      secret ??= rootKey.derive("history");
      const hash = toHex(hmacSha256(secret.reveal(), utf8(node))) as NodeHash;
      known.set(node, hash);
      names.set(hash, node);
      return hash;
    },
    nodeOf: (hash) => names.get(hash),
  };
}

/** One copy of a text that many records hold. */
function createInterner(): (text: string) => string {
  const texts = new Map<string, string>();
  return (text) => {
    const before = texts.get(text);
    if (before !== undefined) return before;
    texts.set(text, text);
    return text;
  };
}
