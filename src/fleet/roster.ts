/**
 * Roster: nodes, grants and what is known of keys, in memory, with the matches between nodes and grants worked out.
 * A change re-evaluates only what it touches: a node's attributes that node, a grant the nodes it selects, a key
 * nothing but its version.
 *
 * What nodes report of themselves does not come in here at all, so that it cannot change who receives what.
 *
 * `follow.ts` fills a roster from the store and keeps it current.
 */
import type { Facts } from "../model/facts.ts";
import type { Grant, GrantId } from "../model/grant.ts";
import { deliverableOf, type Key } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import { compileQuery, type Query } from "../model/query/query.ts";
import { createGrantEntry, factsOf, type GrantEntry, type KeyEntry, type NodeEntry } from "./entries.ts";
import { createGrantIndex } from "./grant-index.ts";
import { compareNames } from "./order.ts";
import { type Desired, nothing, type Resolution, resolve } from "./placements.ts";

/** Which nodes a change concerns. */
export interface Changed {
  /** What they should hold may be another now. */
  readonly desired: Set<NodeName>;
  /** Revoked or forgotten. */
  readonly refused: Set<NodeName>;
}

export interface Roster {
  readonly nodes: ReadonlyMap<NodeName, NodeEntry>;
  readonly grants: ReadonlyMap<GrantId, GrantEntry>;
  readonly keys: ReadonlyMap<KeyName, KeyEntry>;
  /** Keys with a version that waits for its proofs. */
  readonly pending: ReadonlySet<KeyName>;

  /** In order of name. */
  names(): readonly NodeName[];
  grantsOf(key: KeyName): readonly GrantEntry[];
  select(query: Query): NodeName[];

  /** What a node should hold: nothing unless it is active. */
  placements(name: NodeName): Resolution;
  /** What a node would hold, were it active and did these grants match. */
  resolution(matched: Iterable<GrantEntry>): Resolution;
  /** The grants that a node with these facts would match. */
  matching(facts: Facts<NodeName> | null): Set<GrantEntry>;
  /** Does this key exist, and is the grant younger than it? One made for an earlier key of the name gives nothing. */
  isLive(grant: Grant): boolean;

  putNode(node: Node, mark: string): void;
  removeNode(name: NodeName): void;
  putGrant(grant: Grant, mark: string): void;
  removeGrant(id: GrantId): void;
  putKey(key: Key): void;
  removeKey(name: KeyName): void;

  /** Called once a turn for all that changed in it. */
  onChange(listener: (changed: Changed) => void): () => void;
}

export function createRoster(): Roster {
  const nodes = new Map<NodeName, NodeEntry>();
  const grants = new Map<GrantId, GrantEntry>();
  const grantsByKey = new Map<KeyName, Set<GrantEntry>>();
  const keys = new Map<KeyName, KeyEntry>();
  const pending = new Set<KeyName>();
  const index = createGrantIndex();
  const listeners = new Set<(changed: Changed) => void>();
  let sorted: NodeName[] | null = null;
  let changed: Changed | null = null;

  /** Gathers what happens in this turn, and tells it at the turn's end. */
  function gather(): Changed {
    if (changed !== null) return changed;
    changed = { desired: new Set(), refused: new Set() };
    queueMicrotask(tell);
    return changed;
  }

  function tell(): void {
    const told = changed;
    changed = null;
    if (told !== null) for (const listener of listeners) listener(told);
  }

  function touch(entries: Iterable<NodeEntry>): void {
    const { desired } = gather();
    for (const entry of entries) if (entry.state === "active") desired.add(entry.name);
  }

  function isLive(grant: Grant): boolean {
    const key = keys.get(grant.key);
    return key !== undefined && key.version !== null && key.created <= grant.created;
  }

  function resolution(matched: Iterable<GrantEntry>): Resolution {
    const wanted: Desired[] = [];
    for (const { grant } of matched) {
      const key = keys.get(grant.key);
      if (key == null || key.version === null || !isLive(grant)) continue;
      const { version, derived } = key;
      wanted.push(derived === undefined ? { grant, version } : { grant, version, derived });
    }
    return resolve(wanted);
  }

  function placements(name: NodeName): Resolution {
    const entry = nodes.get(name);
    return entry?.state === "active" ? resolution(entry.matched) : nothing;
  }

  function matching(facts: Facts<NodeName> | null): Set<GrantEntry> {
    return facts === null ? new Set() : index.matching(facts);
  }

  function unlinkNode(entry: NodeEntry | undefined): void {
    if (entry !== undefined) for (const grant of entry.matched) grant.nodes.delete(entry);
  }

  function announceNode(before: NodeEntry | undefined, held: Resolution, after: NodeEntry): void {
    const told = gather();
    if (after.state === "revoked") {
      if (before?.state !== "revoked") told.refused.add(after.name);
    } else if (after.state === "active") {
      const wakes = before?.state !== "active" || !isSame(held, placements(after.name));
      if (wakes) told.desired.add(after.name);
    }
  }

  function unlinkGrant(entry: GrantEntry): void {
    for (const node of entry.nodes) node.matched.delete(entry);
    grantsByKey.get(entry.grant.key)?.delete(entry);
    grants.delete(entry.grant.id);
    index.remove(entry);
    touch(entry.nodes);
  }

  function* nodesOfKey(name: KeyName): Generator<NodeEntry> {
    for (const grant of grantsByKey.get(name) ?? []) yield* grant.nodes;
  }

  return {
    nodes,
    grants,
    keys,
    pending,
    names() {
      sorted ??= [...nodes.keys()].sort(compareNames);
      return sorted;
    },
    grantsOf: (key) => [...(grantsByKey.get(key) ?? [])],
    select(query) {
      const matches = compileQuery(query);
      const found: NodeName[] = [];
      for (const { name, facts } of nodes.values()) if (facts !== null && matches(facts)) found.push(name);
      return found;
    },
    placements,
    resolution,
    matching,
    isLive,

    putNode(node, mark) {
      const before = nodes.get(node.name);
      if (before?.mark === mark) return;
      const held = placements(node.name);
      const facts = factsOf(node);
      const matched = matching(facts);
      const { name, state, push } = node;
      const entry: NodeEntry = { name, state, pushed: push !== undefined, mark, facts, matched };
      unlinkNode(before);
      for (const grant of matched) grant.nodes.add(entry);
      if (before === undefined) sorted = null;
      nodes.set(node.name, entry);
      announceNode(before, held, entry);
    },
    removeNode(name) {
      const entry = nodes.get(name);
      if (entry === undefined) return;
      unlinkNode(entry);
      nodes.delete(name);
      sorted = null;
      gather().refused.add(name);
    },
    putGrant(grant, mark) {
      const before = grants.get(grant.id);
      if (before?.mark === mark) return;
      if (before !== undefined) unlinkGrant(before);
      const entry = createGrantEntry(grant, mark);
      for (const node of nodes.values()) {
        if (node.facts === null || !entry.matches(node.facts)) continue;
        entry.nodes.add(node);
        node.matched.add(entry);
      }
      grants.set(grant.id, entry);
      index.add(entry);
      const ofKey = grantsByKey.get(grant.key);
      if (ofKey === undefined) grantsByKey.set(grant.key, new Set([entry]));
      else ofKey.add(entry);
      touch(entry.nodes);
    },
    removeGrant(id) {
      const entry = grants.get(id);
      if (entry !== undefined) unlinkGrant(entry);
    },
    putKey(key) {
      const before = keys.get(key.name);
      const version = deliverableOf(key);
      const isPending = version?.state.kind === "pending";
      const { created } = key;
      const derived = version?.derived === undefined ? {} : { derived: version.derived };
      keys.set(key.name, { created, version: version?.number ?? null, pending: isPending, ...derived });
      if (isPending) pending.add(key.name);
      else pending.delete(key.name);
      const same = before?.version === (version?.number ?? null) && before.created === key.created;
      if (!same) touch(nodesOfKey(key.name));
      else if (before.pending !== isPending) gather();
    },
    removeKey(name) {
      if (!keys.delete(name)) return;
      pending.delete(name);
      touch(nodesOfKey(name));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function isSame(a: Resolution, b: Resolution): boolean {
  return (
    a.desired.length === b.desired.length &&
    a.desired.every((one, i) => one.grant === b.desired[i]?.grant && one.version === b.desired[i]?.version)
  );
}
