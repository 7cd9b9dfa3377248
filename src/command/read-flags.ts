/** Values of flags and words, read strictly. Each throws KeywardError `usage` that names the flag. */
import { KeywardError } from "../base/errors.ts";
import { type Json, parseJson } from "../base/json.ts";
import { type DurationMs, parseDuration } from "../base/time.ts";
import { printable } from "../model/name.ts";

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };
type Optional<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };
type Required<T> = Given<{ [K in keyof T as undefined extends T[K] ? never : K]: T[K] }>;

/** The same object without the members that are undefined. */
export function present<T extends object>(members: T): Required<T> & Optional<T> {
  const kept = Object.entries(members).filter(([, member]) => member !== undefined);
  return Object.fromEntries(kept) as Required<T> & Optional<T>;
}

export function integer(text: string | undefined, name: string, least = 0): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least))
    throw new KeywardError("usage", `${name} ${printable(text)}: want a whole number from ${least}`);
  return value;
}

export function requiredInteger(text: string | undefined, name: string, least = 0): number {
  const value = integer(text, name, least);
  if (value === undefined) throw new KeywardError("usage", `${name} is missing`);
  return value;
}

export function period(text: string | undefined): DurationMs | undefined {
  return text === undefined ? undefined : parseDuration(text);
}

export function required(text: string | undefined, flag: string): string {
  if (text === undefined) throw new KeywardError("usage", `--${flag} is missing`);
  return text;
}

/**
 * `env=prod`, `app.port:=8080`, `tag-`: an attribute as text, as JSON, or removed.
 */
export function parseAttributes(words: readonly string[]): Record<string, Json> {
  return Object.fromEntries(words.map(parseAttribute));
}

function parseAttribute(word: string): [string, Json] {
  const removed = /^([^=:]+)-$/.exec(word);
  if (removed?.[1] !== undefined) return [removed[1], null];
  const match = /^([^=:]+)(:?=)(.*)$/s.exec(word);
  if (match === null)
    throw new KeywardError("usage", `attribute ${printable(word)}: want NAME=TEXT, NAME:=JSON or NAME-`, {
      hint: "as env=prod, app.port:=8080, or env- to remove it",
    });
  const [, name = "", kind, text = ""] = match;
  return [name, kind === "=" ? text : parseJson(text, `attribute ${printable(name)}`)];
}

/** `a.b.c: 1` laid out as the tree `{a: {b: {c: 1}}}`. */
export function treeOf(attributes: Record<string, Json>): Record<string, Json> {
  const tree: Record<string, Json> = {};
  for (const [path, value] of Object.entries(attributes)) {
    if (value === null)
      throw new KeywardError("usage", `attribute ${printable(path)}: there is nothing to remove yet`);
    plant(tree, path.split("."), value, path);
  }
  return tree;
}

function plant(tree: Record<string, Json>, segments: readonly string[], value: Json, path: string): void {
  const [first = "", ...rest] = segments;
  if (first === "" || first === "__proto__")
    throw new KeywardError("usage", `attribute ${printable(path)}: has an empty or forbidden part`);
  if (rest.length === 0) {
    tree[first] = value;
    return;
  }
  const below = Object.hasOwn(tree, first) ? tree[first] : {};
  if (typeof below !== "object" || below === null || Array.isArray(below))
    throw new KeywardError("usage", `attribute ${printable(path)}: ${printable(first)} is a value already`);
  tree[first] = below;
  plant(below, rest, value, path);
}
