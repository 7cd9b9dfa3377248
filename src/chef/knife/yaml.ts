/**
 * YAML as Ruby's Psych dumps it: block style, a list at its key's own column, empty collections on the line. A hash of
 * Chef's own class has its tag.
 *
 * Source: ruby/psych 4.0.3, lib/psych/visitors/yaml_tree.rb; yaml/libyaml 0.2.5, src/emitter.c.
 */
import { rubyFloat } from "../../base/exact-json-text.ts";
import {
  isShownList,
  isShownObject,
  Mash,
  plainOf,
  RubySymbol,
  type Shown,
  SymbolHash,
  withinMash,
} from "./shown.ts";
import { isSimpleKey, writeScalar } from "./yaml-scalar.ts";

export function dumpYaml(value: Shown): string {
  const node = nodeOf(value);
  const text = `---${tagOf(node)}${node.block ? `\n${block(node, 0)}` : lineEnded(after(scalar(node, 4, 2)))}`;
  return isOpenEnded(node) ? `${text}...\n` : text;
}

interface Node {
  /** Without Ruby's own classes. */
  readonly value: Shown;
  readonly tag: string;
  /** A collection that holds something. */
  readonly block: boolean;
  readonly symbols: boolean;
}

function nodeOf(given: Shown): Node {
  if (given instanceof SymbolHash) return { value: given.members, tag: "", block: true, symbols: true };
  const tag = given instanceof Mash ? "!ruby/hash:ChefUtils::Mash" : "";
  const value =
    given instanceof Mash
      ? new Map([...given.members].map(([name, one]) => [name, withinMash(one)]))
      : plainOf(given);
  const block = isShownObject(value) ? value.size > 0 : isShownList(value) && value.length > 0;
  return { value, tag, block, symbols: false };
}

function tagOf({ tag }: Node): string {
  return tag === "" ? "" : ` ${tag}`;
}

/** Lines of a collection that holds something. */
function block({ value, symbols }: Node, margin: number): string {
  const start = " ".repeat(margin);
  if (isShownObject(value))
    return [...value].map(([name, one]) => `${start}${member(name, one, margin, symbols)}`).join("");
  return (value as readonly Shown[]).map((one) => `${start}-${inPlace(one, margin)}`).join("");
}

function member(name: string, value: Shown, margin: number, symbol: boolean): string {
  const node = nodeOf(value);
  if (!symbol && !isSimpleKey(name))
    return `? ${lineEnded(writeScalar(name, margin + 2, margin + 2))}${" ".repeat(margin)}:${inPlace(value, margin)}`;
  const key = symbol ? `:${name}` : writeScalar(name, margin, margin + 2, true);
  const head = `${key}:${tagOf(node)}`;
  if (node.block) return `${head}\n${block(node, isShownList(node.value) ? margin : margin + 2)}`;
  return lineEnded(`${head}${after(scalar(node, margin + [...head].length + 1, margin + 2))}`);
}

/** After a dash: a collection begins on its line, unless a tag stands there. */
function inPlace(value: Shown, margin: number): string {
  const node = nodeOf(value);
  if (!node.block) return lineEnded(`${tagOf(node)}${after(scalar(node, margin + 2, margin + 2))}`);
  if (node.tag !== "") return `${tagOf(node)}\n${block(node, margin + 2)}`;
  return ` ${block(node, margin + 2).slice(margin + 2)}`;
}

function after(text: string): string {
  return text === "" ? "" : ` ${text}`;
}

/** A text in lines ends with a line break of its own. */
function lineEnded(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

function scalar({ value }: Node, column: number, indent: number): string {
  if (value === null) return "";
  if (value instanceof RubySymbol) return `:${value.name}`;
  if (typeof value === "number") return rubyFloat(value);
  if (typeof value === "string") return writeScalar(value, column, indent);
  if (isShownList(value)) return "[]";
  return isShownObject(value) ? "{}" : String(value);
}

/** The last text keeps its empty lines: then the end of the document must be said. */
function isOpenEnded({ value }: Node): boolean {
  if (typeof value === "string") return /^\|2?\+/.test(writeScalar(value, 0, 0));
  const last = isShownObject(value)
    ? [...value.values()].at(-1)
    : isShownList(value)
      ? value.at(-1)
      : undefined;
  return last !== undefined && isOpenEnded(nodeOf(last));
}
