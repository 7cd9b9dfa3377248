/** Entries of the roster: a node, a grant and a key, as far as they matter to who gets what. */
import { hash } from "node:crypto";
import { isKeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import { createFacts, type Facts } from "../model/facts.ts";
import type { Grant } from "../model/grant.ts";
import type { DerivedAs, VersionNumber } from "../model/key.ts";
import type { NodeName } from "../model/name.ts";
import type { Node, NodeState } from "../model/node.ts";
import { compileQuery, parseQuery, type Query } from "../model/query/query.ts";

export interface NodeEntry {
  readonly name: NodeName;
  readonly state: NodeState;
  /** It has no agent: its keys are pushed. */
  readonly pushed: boolean;
  /** Tells this state of the record from any other. */
  readonly mark: string;
  /** `null` when there are more attributes than may be looked at: such a node matches nothing. */
  readonly facts: Facts<NodeName> | null;
  /** The grants whose query it matches, whatever its state. */
  readonly matched: Set<GrantEntry>;
}

export interface GrantEntry {
  readonly grant: Grant;
  readonly mark: string;
  readonly query: Query;
  readonly matches: (facts: Facts) => boolean;
  /** The nodes that match. */
  readonly nodes: Set<NodeEntry>;
}

export interface KeyEntry {
  readonly created: UnixMs;
  /** What nodes get now; `null` while there is nothing to give. */
  readonly version: VersionNumber | null;
  /** That version waits for its proofs. */
  readonly pending: boolean;
  /** How nodes make that version; absent when its value is kept. */
  readonly derived?: DerivedAs;
}

/** Tells one state of a record from any other. */
export function markOf(record: Uint8Array): string {
  return hash("sha256", record, "base64");
}

/** @throws KeywardError `malformed` when the query is not one. */
export function createGrantEntry(grant: Grant, mark = ""): GrantEntry {
  const query = parseQuery(grant.query);
  return { grant, mark, query, matches: compileQuery(query), nodes: new Set() };
}

/** What queries look at; the reported attributes are left behind here. `null`: too many to look at. */
export function factsOf({ name, attributes }: Node): Facts<NodeName> | null {
  try {
    return createFacts({ name, attributes: { ...attributes, reported: {} } });
  } catch (error) {
    if (isKeywardError(error, "too-large")) return null;
    throw error;
  }
}
