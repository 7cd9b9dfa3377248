/**
 * Flattening: attributes laid flat, as Chef's index lays them.
 *
 *     {"app": {"port": 80, "on": [true, null]}}
 *
 *     app: port      app: on          each key is a value of the path above it
 *     app_port: 80   port: 80         a leaf stands under its path and under its last key
 *     app_on: true   on: true         elements of a list share the list's path
 *     app_on:        on:              null is the empty text
 *
 * Numbers are their text; empty lists and objects give nothing. Keys join with `_`, so `x.y_z` and `x_y.z` are
 * one field. Several layers are merged as Chef merges its levels (objects deeply, all else, lists too, is
 * replaced), and each pair keeps the origin of the layer that it came from.
 *
 * Spec: docs/formats/query.md. Vectors: test/vectors/chef/search-index-documents.json.
 */
import { KeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { AttributeTree, Origin } from "./node.ts";

/** One pair. `token` is the value up to its first blank, which is what a term of a query is held against. */
export interface Fact {
  readonly field: string;
  readonly value: string;
  readonly token: string;
  readonly origin: Origin;
}

export type FactTable = ReadonlyMap<string, readonly Fact[]>;

export interface FactLimits {
  /** Objects and lists inside one another. */
  readonly depth: number;
  /** Pairs, before duplicates are dropped. */
  readonly pairs: number;
  /** UTF-16 units of a value. */
  readonly value: number;
  /** UTF-16 units of a field. */
  readonly field: number;
}

export const factLimits: FactLimits = { depth: 32, pairs: 100_000, value: 65_536, field: 1024 };

/** The blanks at which Chef's index cuts a text: Java's `Character.isWhitespace`. */
export const blanks = /[\t-\r\u001c-\u0020\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]+/;

/** What one level says of a path. */
export interface Layer {
  readonly origin: Origin;
  readonly value: Json;
}

/** Where in the tree the walk is. */
interface Place {
  /** All keys, joined by `_`; empty at the top. */
  readonly path: string;
  /** The last key alone. */
  readonly last: string;
  readonly keys: number;
  readonly depth: number;
}

/** A fact whose origin may still rise. */
type OpenFact = Fact & { origin: Origin };

interface Builder {
  readonly table: Map<string, OpenFact[]>;
  /** The facts of fields with many values, by value. */
  readonly long: Map<string, Map<string, OpenFact>>;
  readonly limits: FactLimits;
  readonly what: string;
  pairs: number;
}

const shortList = 16;

/** Higher wins when one pair comes from two places. */
const rank: Record<Origin, number> = { reported: 0, inventory: 1, attested: 2, set: 3 };

/** One tree, laid flat. @throws KeywardError `too-large` when a limit is passed. */
export function flatten(tree: AttributeTree, origin: Origin, limits: FactLimits = factLimits): FactTable {
  return flattenLayers([{ origin, value: tree }], "attributes", limits);
}

/**
 * @param layers - Objects, the weakest first.
 * @param what - Names the place in errors.
 * @throws KeywardError `too-large` when a limit is passed.
 */
export function flattenLayers(
  layers: readonly Layer[],
  what: string,
  limits: FactLimits,
): Map<string, Fact[]> {
  const builder: Builder = { table: new Map(), long: new Map(), limits, what, pairs: 0 };
  addObject(layers, { path: "", last: "", keys: 0, depth: 0 }, builder);
  return builder.table;
}

export function createFact(field: string, value: string, origin: Origin): Fact {
  const cut = value.search(blanks);
  return { field, value, token: cut < 0 ? value : value.slice(0, cut), origin };
}

/** From here on not every integer is a float: Erlang then writes a power. */
const FIRST_GAP = 2 ** 53;

/**
 * As Erlang writes a float, and chef-server so into its index: the shortest digits, always with a point, and of
 * `1000.0` and `1.0e3` the shorter one.
 *
 * Source: Erlang/OTP 25, `float_to_list(Float, [short])`.
 */
export function floatText(value: number): string {
  const [mantissa = "", exponent = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const whole = Number(exponent) + 1;
  const power = `${digits.slice(0, 1)}.${digits.slice(1) || "0"}e${whole - 1}`;
  const plain =
    whole > 0
      ? `${digits.slice(0, whole).padEnd(whole, "0")}.${digits.slice(whole) || "0"}`
      : `0.${"0".repeat(-whole)}${digits}`;
  const isPlain = Math.abs(value) < FIRST_GAP && plain.length <= power.length;
  return `${value < 0 || Object.is(value, -0) ? "-" : ""}${isPlain ? plain : power}`;
}

export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function addObject(layers: readonly Layer[], place: Place, builder: Builder): void {
  assertDepth(place, builder);
  for (const [key, values] of members(layers)) {
    const top = values[values.length - 1] as Layer;
    if (place.keys > 0) addPair(place, key, top.origin, builder);
    const path = place.keys === 0 ? key : `${place.path}_${key}`;
    addValue(top, values, { path, last: key, keys: place.keys + 1, depth: place.depth + 1 }, builder);
  }
}

function addValue(top: Layer, layers: readonly Layer[], place: Place, builder: Builder): void {
  const { value, origin } = top;
  if (isObject(value)) addObject(mergeable(layers), place, builder);
  else if (Array.isArray(value)) addList(value, origin, place, builder);
  else addPair(place, textOf(value), origin, builder);
}

function addList(list: readonly Json[], origin: Origin, place: Place, builder: Builder): void {
  assertDepth(place, builder);
  const inside = { ...place, depth: place.depth + 1 };
  for (const value of list) {
    const layer = { origin, value };
    addValue(layer, [layer], inside, builder);
  }
}

/** The objects at the end: a value that is no object hides all that lies below it. */
function mergeable(layers: readonly Layer[]): readonly Layer[] {
  return layers.slice(layers.findLastIndex((layer) => !isObject(layer.value)) + 1);
}

/** What the layers say of each key. */
function members(layers: readonly Layer[]): Iterable<readonly [string, readonly Layer[]]> {
  const [only] = layers;
  if (only !== undefined && layers.length === 1)
    return entriesOf(only).map(([key, layer]) => [key, [layer]] as const);
  const merged = new Map<string, Layer[]>();
  for (const [key, layer] of layers.flatMap(entriesOf)) {
    const values = merged.get(key);
    if (values === undefined) merged.set(key, [layer]);
    else values.push(layer);
  }
  return merged;
}

function entriesOf({ origin, value }: Layer): [string, Layer][] {
  return isObject(value)
    ? Object.entries(value).map(([key, member]) => [key, { origin, value: member }])
    : [];
}

function addPair({ path, last, keys }: Place, value: string, origin: Origin, builder: Builder): void {
  const { limits } = builder;
  if (++builder.pairs > limits.pairs) throw tooLarge(builder, `more than ${limits.pairs} values`);
  if (value.length > limits.value) throw tooLarge(builder, `a value of more than ${limits.value} characters`);
  if (path.length > limits.field) throw tooLarge(builder, `a path of more than ${limits.field} characters`);
  addFact(path, value, origin, builder);
  if (keys > 1) addFact(last, value, origin, builder);
}

function addFact(field: string, value: string, origin: Origin, builder: Builder): void {
  const facts = builder.table.get(field);
  const before = facts && findValue(facts, value, builder.long.get(field));
  if (before !== undefined) {
    if (rank[origin] > rank[before.origin]) before.origin = origin;
    return;
  }
  const fact = createFact(field, value, origin);
  if (facts === undefined) builder.table.set(field, [fact]);
  else if (facts.push(fact) > shortList) indexLongList(facts, builder);
}

/** Few values are sooner looked through than looked up. */
function findValue(
  facts: readonly OpenFact[],
  value: string,
  long?: Map<string, OpenFact>,
): OpenFact | undefined {
  return long === undefined ? facts.find((fact) => fact.value === value) : long.get(value);
}

function indexLongList(facts: readonly OpenFact[], { long }: Builder): void {
  const newest = facts[facts.length - 1] as OpenFact;
  const values = long.get(newest.field);
  if (values !== undefined) values.set(newest.value, newest);
  else long.set(newest.field, new Map(facts.map((fact) => [fact.value, fact])));
}

function textOf(value: null | boolean | number | string): string {
  if (value === null) return "";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? BigInt(value).toString() : floatText(value);
}

function assertDepth({ depth }: Place, builder: Builder): void {
  if (depth > builder.limits.depth) throw tooLarge(builder, `nested deeper than ${builder.limits.depth}`);
}

function tooLarge({ what }: Builder, why: string): KeywardError {
  return new KeywardError("too-large", `${what}: ${why}`);
}
