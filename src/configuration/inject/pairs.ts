/**
 * Pairs: names and values as documents have them, in one of three forms.
 *
 *     map           {NAME: VALUE}                   Marathon, Metronome, docker compose
 *     assignments   [NAME=VALUE]                    docker compose
 *     named         [{name: NAME, value: VALUE}]    Kubernetes, Mesos (whose labels say key instead of name)
 */
import { KeywardError } from "../../base/errors.ts";
import {
  type Editor,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  type Value,
  type YAMLMap,
  type YAMLSeq,
} from "./editor.ts";

export interface PairEntry {
  readonly name: string;
  /** As text: numbers and truth values as they are written, anything else as JSON. `null`: it has none here. */
  readonly value: string | null;
}

export interface Pairs {
  readonly entries: readonly PairEntry[];
  get(name: string): string | null;
  /** Set each: in its place when it is there, else at the end. */
  set(values: Readonly<Record<string, string>>): void;
}

export type PairForm =
  | { readonly kind: "map" }
  | { readonly kind: "named"; readonly nameField: "name" | "key" };

interface Found extends PairEntry {
  /** Where its value is written; `null` when it comes from elsewhere. */
  readonly write: ((value: string) => void) | null;
}

/** The member of a map, looked up through merges, and through the alias that the whole may be. */
export function memberOf(map: YAMLMap, name: string): Node | null {
  const found = map.items.find((pair) => isScalar(pair.key) && pair.key.value === name);
  return (found?.value as Node | null | undefined) ?? null;
}

/**
 * @param parent - The map that has the pairs as its member `name`.
 * @param form - How they are written when they are not there yet.
 */
export function pairsAt(editor: Editor, parent: YAMLMap, name: string, form: PairForm): Pairs {
  const node = memberOf(parent, name);
  if (node === null || (isScalar(node) && node.value === null))
    return missingPairs(editor, parent, name, node, form);
  if (isMap(node))
    return pairsOf(foundInMap(editor, node), (values) => editor.addToMap(node, Object.entries(values)));
  if (isSeq(node)) return pairsOfSeq(editor, node);
  if (isAlias(node)) return aliasedPairs(editor, node);
  throw new KeywardError("malformed", `${editor.placeOf(node)}: ${name} is neither a map nor a list`);
}

function pairsOfSeq(editor: Editor, node: YAMLSeq): Pairs {
  const field = node.items.some((item) => isMap(item) && memberOf(item, "key") !== null) ? "key" : "name";
  const named = node.items.length === 0 || isMap(node.items[0]);
  const found = (node.items as Node[]).flatMap((item) =>
    named ? namedIn(editor, item, field) : assignedIn(editor, item),
  );
  return pairsOf(found, (values) =>
    editor.addToSeq(
      node,
      Object.entries(values).map(
        ([name, value]): Value => (named ? { [field]: name, value } : `${name}=${value}`),
      ),
    ),
  );
}

/** Its values count; what would be written there would be written for others too. */
function aliasedPairs(editor: Editor, node: Node): Pairs {
  const target = isAlias(node) ? editor.resolve(node) : null;
  const entries = target !== null && isMap(target) ? foundInMap(editor, target) : [];
  const refuse = (): never => {
    throw new KeywardError("usage", `${editor.placeOf(node)}: an alias, which others share`, {
      hint: "write the variables out, or merge them: <<: *name",
    });
  };
  return pairsOf(
    entries.map(({ name, value }) => ({ name, value, write: refuse })),
    refuse,
  );
}

function missingPairs(
  editor: Editor,
  parent: YAMLMap,
  name: string,
  node: Node | null,
  form: PairForm,
): Pairs {
  return pairsOf([], (values) => {
    const entries = Object.entries(values);
    const value: Value =
      form.kind === "map" ? values : entries.map(([one, text]) => ({ [form.nameField]: one, value: text }));
    if (node !== null)
      throw new KeywardError("usage", `${editor.placeOf(node)}: ${name} is empty`, { hint: "take it out" });
    if (entries.length > 0) editor.addToMap(parent, [[name, value]]);
  });
}

function pairsOf(found: readonly Found[], add: (values: Readonly<Record<string, string>>) => void): Pairs {
  return {
    entries: found,
    get: (name) => found.find((one) => one.name === name)?.value ?? null,
    set(values) {
      const missing = Object.entries(values).filter(([name, value]) => {
        const write = found.find((one) => one.name === name)?.write ?? null;
        write?.(value);
        return write === null;
      });
      if (missing.length > 0) add(Object.fromEntries(missing));
    },
  };
}

/** Merges of merges: more is no configuration. */
const MAX_MERGE_DEPTH = 4;
const MAX_MERGED = 10_000;

function foundInMap(editor: Editor, map: YAMLMap, depth = 0): Found[] {
  const own: Found[] = [];
  const merged: Found[] = [];
  for (const { key, value } of map.items as { key: Node; value: Node | null }[]) {
    const name = isScalar(key) ? String(key.value) : "";
    if (name === "<<") merged.push(...mergedIn(editor, value, depth + 1));
    else own.push({ name, value: textOf(value), write: writerOf(editor, value) });
  }
  if (depth > MAX_MERGE_DEPTH || merged.length > MAX_MERGED)
    throw new KeywardError("too-large", `${editor.placeOf(map)}: merges of merges without end`);
  return [...own, ...merged.filter(({ name }) => !own.some((one) => one.name === name))];
}

/** What a merge brings can be overruled, not changed. */
function mergedIn(editor: Editor, value: Node | null, depth: number): Found[] {
  const sources = value !== null && isSeq(value) ? (value.items as Node[]) : [value];
  return sources.flatMap((source) => {
    const target = source !== null && isAlias(source) ? editor.resolve(source) : source;
    return target !== null && isMap(target)
      ? foundInMap(editor, target, depth).map(({ name, value: text }) => ({ name, value: text, write: null }))
      : [];
  });
}

function writerOf(editor: Editor, value: Node | null): Found["write"] {
  return (text) => {
    if (value !== null && isScalar(value) && value.value !== null)
      return editor.replace(value as Scalar, text);
    throw new KeywardError(
      "usage",
      `${value === null ? "inject" : editor.placeOf(value)}: not a plain value`,
      {
        hint: "take it out: inject writes it",
      },
    );
  };
}

function namedIn(editor: Editor, item: Node, field: string): Found[] {
  if (!isMap(item)) return [];
  const name = memberOf(item, field);
  const value = memberOf(item, "value");
  if (name === null || !isScalar(name)) return [];
  return [
    {
      name: String(name.value),
      value: value === null ? null : textOf(value),
      write: writerOf(editor, value),
    },
  ];
}

function assignedIn(editor: Editor, item: Node): Found[] {
  if (!isScalar(item)) return [];
  const text = String(item.value);
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const write = (value: string): void => editor.replace(item as Scalar, `${name}=${value}`);
  return [{ name, value: equals < 0 ? null : text.slice(equals + 1), write }];
}

/** As Lighter makes text of it. */
function textOf(node: Node | null): string | null {
  if (node === null) return null;
  if (isScalar(node)) return node.value === null ? null : String(node.value);
  return JSON.stringify(node.toJSON());
}
