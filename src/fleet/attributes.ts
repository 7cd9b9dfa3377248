/**
 * Attributes as operators write them: a dotted path and a value. `net.lan.ip` is the member `ip` of the object
 * `lan` of the object `net`; `null` removes, and an object that is empty afterwards goes too.
 */
import { KeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { createFacts } from "../model/facts.ts";
import { printable } from "../model/name.ts";
import type { AttributeTree, Node } from "../model/node.ts";

const MAX_SEGMENTS = 16;
const MAX_PATH_LENGTH = 512;

/**
 * @param changes - Dotted path to value; `null` removes.
 * @returns A new tree; `tree` stays as it is.
 * @throws KeywardError `usage` for a path that is empty somewhere, too long, or `name`; `conflict` when a path
 *   leads through something that is no object.
 */
export function changeAttributes(tree: AttributeTree, changes: AttributeTree): AttributeTree {
  let changed = tree;
  for (const [path, value] of Object.entries(changes))
    changed = change(changed, parsePath(path), value, path);
  return changed;
}

/** @throws KeywardError `too-large` when the node would have more facts than queries may look at. */
export function assertAttributes(node: Node): void {
  createFacts(node);
}

function parsePath(path: string): string[] {
  const segments = path.split(".");
  const refuse = (why: string): KeywardError =>
    new KeywardError("usage", `attribute ${printable(path)}: ${why}`, {
      hint: "an attribute looks like role=api or net.zone=dmz",
    });
  if (path.length > MAX_PATH_LENGTH) throw refuse(`is longer than ${MAX_PATH_LENGTH} characters`);
  if (segments.length > MAX_SEGMENTS) throw refuse(`has more than ${MAX_SEGMENTS} parts`);
  if (segments.includes("")) throw refuse("has an empty part");
  if (segments.includes("__proto__") || /\p{Cc}/u.test(path) || !path.isWellFormed())
    throw refuse("is not allowed");
  if (segments[0] === "name") throw refuse("is the node's own name and cannot be set");
  return segments;
}

function change(
  tree: AttributeTree,
  segments: readonly string[],
  value: Json | undefined,
  path: string,
): AttributeTree {
  const [first = "", ...rest] = segments;
  const { [first]: before, ...others } = tree;
  const after = rest.length === 0 ? (value ?? undefined) : changeBelow(before, rest, value, path);
  return after === undefined ? others : { ...others, [first]: after };
}

/** @returns `undefined` when nothing is left. */
function changeBelow(
  before: Json | undefined,
  rest: readonly string[],
  value: Json | undefined,
  path: string,
): Json | undefined {
  if (before !== undefined && !isTree(before)) {
    throw new KeywardError(
      "conflict",
      `attribute ${printable(path)}: leads through a value that is no object`,
      {
        hint: "remove that value first",
      },
    );
  }
  const after = change(before ?? {}, rest, value, path);
  return Object.keys(after).length === 0 ? undefined : { ...after };
}

function isTree(value: Json): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
