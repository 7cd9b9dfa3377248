/**
 * Grant index: which grants can match a node at all, so that a node is held against a handful of queries and not
 * against all. Most queries need some `field:value` to be true, an *anchor*; a grant stands under its anchors, and
 * a node looks only under the facts that it has. Queries without anchors are asked of every node.
 */
import type { Facts } from "../model/facts.ts";
import type { Leaf, Query } from "../model/query/query.ts";
import type { GrantEntry } from "./entries.ts";

/** A node that has none of a query's anchors does not match it. */
interface Anchor {
  readonly field: string;
  readonly token: string;
}

export interface GrantIndex {
  add(entry: GrantEntry): void;
  remove(entry: GrantEntry): void;
  /** The grants whose queries match. */
  matching(facts: Facts): Set<GrantEntry>;
}

export function createGrantIndex(): GrantIndex {
  const anchored = new Map<string, Map<string, Set<GrantEntry>>>();
  const others = new Set<GrantEntry>();

  function addAt({ field, token }: Anchor, entry: GrantEntry): void {
    const byToken = anchored.get(field) ?? new Map<string, Set<GrantEntry>>();
    anchored.set(field, byToken);
    byToken.set(token, (byToken.get(token) ?? new Set()).add(entry));
  }

  function removeAt({ field, token }: Anchor, entry: GrantEntry): void {
    const byToken = anchored.get(field);
    const entries = byToken?.get(token);
    entries?.delete(entry);
    if (entries?.size === 0) byToken?.delete(token);
    if (byToken?.size === 0) anchored.delete(field);
  }

  return {
    add(entry) {
      const anchors = anchorsOf(entry.query);
      if (anchors === null) others.add(entry);
      else for (const anchor of anchors) addAt(anchor, entry);
    },
    remove(entry) {
      others.delete(entry);
      for (const anchor of anchorsOf(entry.query) ?? []) removeAt(anchor, entry);
    },
    matching(facts) {
      const found = new Set<GrantEntry>();
      const ask = (entry: GrantEntry): void => {
        if (entry.matches(facts)) found.add(entry);
      };
      others.forEach(ask);
      for (const [field, byToken] of anchored) {
        for (const { token } of facts.granting.get(field) ?? []) byToken.get(token)?.forEach(ask);
      }
      return found;
    },
  };
}

/** `null` when the query can match a node whatever facts it has. */
function anchorsOf(query: Query): readonly Anchor[] | null {
  switch (query.kind) {
    case "all":
    case "not":
      return null;
    case "and":
      return query.operands.map(anchorsOf).reduce(fewer);
    case "or": {
      const all = query.operands.map(anchorsOf);
      return all.includes(null) ? null : all.flatMap((anchors) => anchors ?? []);
    }
    case "term":
    case "phrase":
    case "range":
    case "word":
      return anchorsOfLeaf(query);
  }
}

function fewer(a: readonly Anchor[] | null, b: readonly Anchor[] | null): readonly Anchor[] | null {
  return a === null || (b !== null && b.length < a.length) ? b : a;
}

function anchorsOfLeaf(leaf: Leaf): readonly Anchor[] | null {
  if (leaf.kind === "term" && leaf.field.kind === "exact" && leaf.value.kind === "exact") {
    return [{ field: leaf.field.text, token: leaf.value.text }];
  }
  if (leaf.kind === "phrase") return [{ field: leaf.field, token: leaf.words[0] ?? "" }];
  return null;
}
