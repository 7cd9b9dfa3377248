/**
 * Editor: changes of a YAML or JSON document (JSON is YAML) as patches of its text, so that comments, order, quotes
 * and blanks stay as they are wherever nothing is changed. What is written is a double-quoted scalar, which means
 * the same in both.
 */
import {
  type Alias,
  type Document,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { KeywardError } from "../../base/errors.ts";
import { createLines } from "../lines.ts";

export {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";

/** What can be put into a document. */
export type Value = string | readonly Value[] | { readonly [name: string]: Value };

export interface Editor {
  readonly documents: readonly Document.Parsed[];
  /** The node that an alias stands for; `null` when there is none. */
  resolve(alias: Alias): Node | null;
  /** Its value, aliases resolved. */
  valueOf(node: Node): unknown;
  /** Names the place of a node in errors. */
  placeOf(node: Node): string;
  replace(scalar: Scalar, value: string): void;
  /** Members at the map's end, in order. */
  addToMap(map: YAMLMap, members: readonly (readonly [string, Value])[]): void;
  addToSeq(seq: YAMLSeq, items: readonly Value[]): void;
  /** The text with all changes. */
  text(): string;
}

interface Patch {
  readonly at: number;
  readonly end: number;
  readonly text: string;
}

/** What a document may grow to by its aliases, times. */
const MAX_ALIASES = 100;

/** The parser's time grows with the square of some texts. */
const MAX_DOCUMENT = 4_194_304;

/** @param what - Names the document in errors. @throws KeywardError `malformed`, `too-large` */
export function edit(source: string, what: string): Editor {
  if (source.length > MAX_DOCUMENT)
    throw new KeywardError("too-large", `${what}: more than ${MAX_DOCUMENT} characters`);
  const lineAt = createLines(source);
  const documents = parseAllDocuments(source, { uniqueKeys: true, version: "1.2", logLevel: "error" });
  if (!Array.isArray(documents)) return edit("null\n", what);
  for (const { errors } of documents)
    for (const error of errors)
      throw new KeywardError(
        "malformed",
        `${what}:${lineAt(error.pos[0])}: not YAML or JSON (${error.code})`,
      );
  const lineEnd = source.includes("\r\n") ? "\r\n" : "\n";
  const patches: Patch[] = [];
  const insert = (at: number, text: string): void => void patches.push({ at, end: at, text });

  /** Where a line after the node begins, and what must come first there. */
  function lineAfter(node: Node): { at: number; first: string } {
    const end = rangeOf(node)[1];
    if (end > 0 && source[end - 1] === "\n") return { at: end, first: "" };
    const next = source.indexOf("\n", end);
    return next < 0 ? { at: source.length, first: lineEnd } : { at: next + 1, first: "" };
  }

  function addInFlow(
    node: YAMLMap | YAMLSeq,
    last: Node | null,
    lastStart: number,
    texts: readonly string[],
  ): void {
    if (last === null) {
      insert(rangeOf(node)[0] + 1, texts.join(", "));
      return;
    }
    const lineStart = source.lastIndexOf("\n", lastStart - 1) + 1;
    const before = source.slice(lineStart, lastStart);
    const separator = /^[\t ]*$/.test(before) && lineStart > rangeOf(node)[0] ? `,${lineEnd}${before}` : ", ";
    insert(rangeOf(last)[1], texts.map((text) => `${separator}${text}`).join(""));
  }

  function columnOf(at: number): string {
    return " ".repeat(at - (source.lastIndexOf("\n", at - 1) + 1));
  }

  function ownerOf(node: Node): Document.Parsed {
    const [at] = rangeOf(node);
    const owner = documents.find(({ range }) => range[0] <= at && at <= range[2]);
    if (owner === undefined) throw new KeywardError("internal", "inject: a node of no document");
    return owner;
  }

  return {
    documents,
    resolve: (alias) => (alias.resolve(ownerOf(alias)) as Node | undefined) ?? null,
    valueOf(node) {
      try {
        return node.toJS(ownerOf(node), { maxAliasCount: MAX_ALIASES });
      } catch (cause) {
        throw new KeywardError("too-large", `${what}: aliases that resolve to too much, or to nothing`, {
          cause,
        });
      }
    },
    placeOf: (node) => `${what}:${lineAt(rangeOf(node)[0])}`,
    replace(scalar, value) {
      if (scalar.value === value) return;
      const [at, end] = rangeOf(scalar);
      // A block scalar ends with its last line's end, which is not its own.
      patches.push({
        at,
        end,
        text: JSON.stringify(value) + (source[end - 1] === "\n" && end > at ? lineEnd : ""),
      });
    },
    addToMap(map, members) {
      if (members.length === 0) return;
      const last = map.items.at(-1) as Pair<Node, Node | null> | undefined;
      if (map.flow === true || last === undefined) {
        const texts = members.map(([name, value]) => `${JSON.stringify(name)}: ${flowText(value)}`);
        return addInFlow(
          map,
          last === undefined ? null : (last.value ?? last.key),
          last === undefined ? 0 : rangeOf(last.key)[0],
          texts,
        );
      }
      const indent = columnOf(rangeOf(last.key)[0]);
      const { at, first } = lineAfter(last.value ?? last.key);
      const lines = members.map(
        ([name, value]) => `${indent}${plainKey(name)}:${blockText(value, indent, lineEnd)}${lineEnd}`,
      );
      insert(at, withFirst(first, lines.join(""), lineEnd));
    },
    addToSeq(seq, items) {
      if (items.length === 0) return;
      const last = seq.items.at(-1) as Node | undefined;
      if (seq.flow === true || last === undefined)
        return addInFlow(seq, last ?? null, last === undefined ? 0 : rangeOf(last)[0], items.map(flowText));
      const indent = columnOf(source.lastIndexOf("-", rangeOf(last)[0]));
      const { at, first } = lineAfter(last);
      const lines = items.map((item) => `${indent}- ${itemText(item, indent, lineEnd)}${lineEnd}`);
      insert(at, withFirst(first, lines.join(""), lineEnd));
    },
    text() {
      let out = "";
      let from = 0;
      for (const { at, end, text } of patches
        .map((patch, i) => ({ ...patch, i }))
        .sort((a, b) => a.at - b.at || a.i - b.i)) {
        out += source.slice(from, at) + text;
        from = end;
      }
      return out + source.slice(from);
    },
  };
}

/** At the end of a text without a line end, none is added. */
function withFirst(first: string, lines: string, lineEnd: string): string {
  return first === "" ? lines : first + lines.slice(0, -lineEnd.length);
}

function rangeOf(node: Node): readonly [number, number] {
  if (node.range == null) throw new KeywardError("internal", "inject: a node without a place");
  return [node.range[0], node.range[1]];
}

function flowText(value: Value): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(flowText).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}: ${flowText(member)}`)
    .join(", ")}}`;
}

function blockText(value: Value, indent: string, lineEnd: string): string {
  if (typeof value === "string" || isList(value)) return ` ${flowText(value)}`;
  const deeper = `${indent}  `;
  return Object.entries(value)
    .map(([name, member]) => `${lineEnd}${deeper}${plainKey(name)}:${blockText(member, deeper, lineEnd)}`)
    .join("");
}

function itemText(value: Value, indent: string, lineEnd: string): string {
  if (typeof value === "string" || isList(value)) return flowText(value);
  const members = Object.entries(value).map(([name, member]) => `${plainKey(name)}: ${flowText(member)}`);
  return members.join(`${lineEnd}${indent}  `);
}

function plainKey(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(name) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(name)
    ? name
    : JSON.stringify(name);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
