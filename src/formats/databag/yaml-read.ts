/**
 * YAML as Chef reads it out of version 0: Ruby's Psych 4, its safe loader with symbols allowed. Only the first document
 * counts. Aliases, dates and Ruby's own objects are refused. The `yaml` package finds the structure; what a scalar
 * means is `yaml-scalar.ts`.
 *
 * Source: ruby/psych 4.0.3, lib/psych/visitors/to_ruby.rb.
 */
import type { Node, Pair, Scalar as ScalarNode } from "yaml";
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { type ExactJson, exactLimits } from "../../base/exact-json.ts";
import { rubyFloat } from "../../base/exact-json-text.ts";
import { unpackBase64 } from "../ruby-base64.ts";
import { readPlainScalar, type Scalar, symbolName } from "./yaml-scalar.ts";

export type YamlLibrary = typeof import("yaml");

/** The package, loaded when it is first needed. */
export function loadYaml(): Promise<YamlLibrary> {
  return import("yaml");
}

/** Bytes. The parser's time grows with the square of some inputs. */
const MAX_YAML = 1_048_576;

const options = {
  version: "1.1",
  schema: "failsafe",
  resolveKnownTags: false,
  merge: false,
  uniqueKeys: false,
  logLevel: "silent",
} as const;

/** @throws KeywardError `malformed`, `too-large` */
export function readYaml(library: YamlLibrary, text: string, what: string): ExactJson {
  if (Buffer.byteLength(text) > MAX_YAML)
    throw new KeywardError("too-large", `${what}: more than ${MAX_YAML} bytes`);
  if (/[[{](?:[ \n]*[[{]){1000}/.test(text)) throw new KeywardError("too-large", `${what}: nested too deep`);
  const document = firstDocument(library, text, what);
  return document === null ? null : new Reading(library, what).value(document, exactLimits.depth);
}

function firstDocument(library: YamlLibrary, text: string, what: string): Node | null {
  // Psych reads both as 1.1; any other directive could ask for another YAML than its own.
  const body = text.replace(/^%YAML 1\.[12][ \t]*\r?\n(?=---)/, "");
  if (body.startsWith("%")) throw malformed(what);
  let first: { readonly errors: readonly unknown[]; readonly contents: unknown } | undefined;
  try {
    [first] = library.parseAllDocuments(body, options) as { errors: unknown[]; contents: unknown }[];
  } catch {
    // Nested too deep for the parser's own recursion.
    throw malformed(what);
  }
  if (first === undefined) return null;
  if (first.errors.length > 0) throw malformed(what);
  return first.contents as Node | null;
}

class Reading {
  readonly #library: YamlLibrary;
  readonly #what: string;
  #count = exactLimits.count;
  /** Brackets and braces that are open. */
  #flow = 0;

  constructor(library: YamlLibrary, what: string) {
    this.#library = library;
    this.#what = what;
  }

  value(node: Node | null, depth: number): ExactJson {
    if (this.#count-- <= 0) throw new KeywardError("too-large", `${this.#what}: too many values`);
    if (depth <= 0) throw new KeywardError("too-large", `${this.#what}: nested too deep`);
    if (node === null) return null;
    if (this.#library.isScalar(node)) return this.#scalar(node);
    const { tag } = node;
    if (this.#library.isMap(node) && isPlainTag(tag, "map"))
      return this.#inside(node, () => this.#map(node.items as Pair[], depth));
    if (this.#library.isSeq(node) && isPlainTag(tag, "seq"))
      return this.#inside(node, () => node.items.map((one) => this.value(one as Node | null, depth - 1)));
    throw malformed(this.#what);
  }

  #inside<T>({ flow }: { readonly flow?: boolean }, read: () => T): T {
    if (flow === true) this.#flow++;
    const value = read();
    if (flow === true) this.#flow--;
    return value;
  }

  #map(pairs: readonly Pair[], depth: number): ExactJson {
    const members = new Map<string, ExactJson>();
    for (const { key, value } of pairs) {
      const name = this.#key(key as Node | null, depth);
      const member = this.value(value as Node | null, depth - 1);
      const merged = name === "<<" ? mergedOf(member) : null;
      if (merged === null) members.set(name, member);
      else for (const [inner, one] of merged) members.set(inner, one);
    }
    return members;
  }

  /** Keys of other kinds become what Ruby's JSON makes of them. */
  #key(node: Node | null, depth: number): string {
    const key = this.value(node, depth - 1);
    if (key === null) return "";
    if (typeof key === "object") throw malformed(this.#what);
    return typeof key === "number" ? rubyFloat(key) : String(key);
  }

  #scalar(node: ScalarNode): Scalar {
    const text = node.source ?? (typeof node.value === "string" ? node.value : "");
    const tag = node.tag?.replace("tag:yaml.org,2002:", "!");
    if (tag === undefined || tag === "!") {
      const quoted = node.type !== undefined && node.type !== "PLAIN";
      // To libyaml neither begins a word within brackets.
      if (!quoted && this.#flow > 0 && (text.startsWith(":") || text === "?")) throw malformed(this.#what);
      return quoted ? text : readPlainScalar(text, this.#what);
    }
    if (tag === "!str" || tag === "!ruby/string") return text;
    if (tag === "!binary") return fromUtf8(unpackBase64(text, this.#what), this.#what);
    if (/^!ruby\/sym(?:bol)?/.test(tag)) return symbolName(`:${text}`);
    if (tag.startsWith("!ruby/") || tag.startsWith("!str:")) throw malformed(this.#what);
    const value = readPlainScalar(text, this.#what);
    return tag === "!float" ? this.#asFloat(value) : value;
  }

  #asFloat(value: Scalar): number {
    const number = typeof value === "string" && value.trim() === "" ? Number.NaN : Number(value);
    if (value === null || typeof value === "boolean" || !Number.isFinite(number)) throw malformed(this.#what);
    return number;
  }
}

/** `<<` with a map, or a list of them, of which the first one wins. `null`: a member like others. */
function mergedOf(value: ExactJson): ReadonlyMap<string, ExactJson> | null {
  if (value instanceof Map) return value;
  if (!Array.isArray(value)) return null;
  const maps = value as readonly ExactJson[];
  if (!maps.every((one) => one instanceof Map)) return null;
  return new Map([...maps].reverse().flatMap((one) => [...(one as ReadonlyMap<string, ExactJson>)]));
}

function isPlainTag(tag: string | undefined, own: "map" | "seq"): boolean {
  return tag === undefined || tag === "!" || tag === `tag:yaml.org,2002:${own}`;
}

function malformed(what: string): KeywardError {
  return new KeywardError("malformed", `${what}: not the YAML of a JSON value`);
}
