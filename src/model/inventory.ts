/**
 * Inventory: a source from outside that knows nodes, a Chef server say. What it says of a node comes in parts, and
 * counts as reported until an operator accepts a part by name: a Chef node object is written by the node itself.
 *
 *     chef                        a source
 *     chef.run_list               a part of it
 *     chef.automatic.roles        one attribute of a part, and what lies below it
 */
import { KeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { UnixMs } from "../base/time.ts";
import { isObject } from "./flatten.ts";
import { type NodeName, printable } from "./name.ts";
import type { AttributeTree } from "./node.ts";

/** `chef`: lower-case letters, digits, `_` and `-`, 32 at most. */
export type SourceName = string & { readonly kind: "source-name" };
/** `run_list` or `automatic.roles`: what may grant, of one source. */
export type AcceptedPath = string & { readonly kind: "accepted-path" };

export interface Source {
  readonly name: SourceName;
  /** Sorted, none below another. */
  readonly accepted: readonly AcceptedPath[];
  /** An acceptance was changed, and not all nodes have been worked out anew: the act was cut off. */
  readonly applying?: true;
  /** When a whole round last ended. */
  readonly synced?: UnixMs;
}

/** Members that belong together and are accepted together. */
export interface Part {
  readonly name: string;
  readonly attributes: AttributeTree;
}

/** What a source says of one node: parts, the weakest first, as Chef's levels are. */
export interface InventoryRow {
  readonly source: SourceName;
  readonly node: NodeName;
  readonly parts: readonly Part[];
  /** The node was made because of this, and is forgotten with it unless something else is known of it. */
  readonly made?: true;
}

/** @throws KeywardError `usage` */
export function parseSourceName(text: string): SourceName {
  if (/^[a-z][a-z0-9_-]{0,31}$/.test(text)) return text as SourceName;
  throw new KeywardError("usage", `source ${printable(text)}: want a name as chef`);
}

/**
 * `run_list`, or `automatic.network.lanip`: a part, and perhaps a path in it.
 *
 * @throws KeywardError `usage`
 */
export function parseAcceptedPath(text: string): AcceptedPath {
  const segments = text.split(".");
  const good = segments.length <= 16 && segments.every((one) => /^[\p{L}\p{N}_:-]{1,128}$/u.test(one));
  if (good && !segments.includes("__proto__")) return text as AcceptedPath;
  throw new KeywardError("usage", `accepted ${printable(text)}: want a part or a path in it`, {
    hint: "as run_list, normal, or automatic.roles",
  });
}

/** Sorted, and without those that lie below another one. */
export function tidyAccepted(paths: Iterable<AcceptedPath>): AcceptedPath[] {
  const all = [...new Set(paths)].sort();
  return all.filter((path) => !all.some((other) => path.startsWith(`${other}.`)));
}

/** The tree that may grant: of each part what is accepted, later parts over earlier ones. */
export function acceptedTree(parts: readonly Part[], accepted: readonly AcceptedPath[]): AttributeTree {
  return mergeAttributes(
    parts.map(({ name, attributes }) => {
      if (accepted.includes(name as AcceptedPath)) return attributes;
      const below = accepted.filter((path) => path.startsWith(`${name}.`));
      return mergeAttributes(below.map((path) => pick(attributes, path.split(".").slice(1))));
    }),
  );
}

/** Everything that the source says, accepted or not: to look at. */
export function wholeTree(parts: readonly Part[]): AttributeTree {
  return mergeAttributes(parts.map(({ attributes }) => attributes));
}

/** Objects deeply; all else, lists too, is replaced: as Chef merges its levels. */
export function mergeAttributes(trees: readonly AttributeTree[]): AttributeTree {
  let merged: AttributeTree = {};
  for (const tree of trees) merged = mergeTwo(merged, tree);
  return merged;
}

function mergeTwo(below: AttributeTree, above: AttributeTree): { [name: string]: Json } {
  const merged: { [name: string]: Json } = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const before = merged[name];
    merged[name] = isObject(before) && isObject(value) ? mergeTwo(before, value) : value;
  }
  return merged;
}

/** Only what lies at this path, at its place. */
export function pick(tree: AttributeTree, path: readonly string[]): AttributeTree {
  const [first = "", ...rest] = path;
  const value = Object.hasOwn(tree, first) ? tree[first] : undefined;
  if (value === undefined) return {};
  if (rest.length === 0) return { [first]: value };
  if (!isObject(value)) return {};
  const below = pick(value, rest);
  return Object.keys(below).length === 0 ? {} : { [first]: { ...below } };
}
