/**
 * Fact index: the facts of a whole fleet turned round, from field and token to the nodes that have them, so that
 * a query over all nodes costs a few set operations instead of a visit to each node.
 *
 * A set of nodes is a bitmap over slots; a node keeps its slot while it is here, and a freed slot is used again.
 */

import type { Fact, Facts } from "../facts.ts";
import type { NodeName } from "../name.ts";
import type { Leaf, Query } from "./ast.ts";
import { compileLeaf, findFact, type LeafTest } from "./leaf.ts";

export interface FactIndex<Name extends string = NodeName> {
  readonly size: number;
  readonly get: (name: Name) => Facts<Name> | undefined;
  /** Adds a node, or puts new facts in place of those of the node of the same name. */
  readonly put: (facts: Facts<Name>) => void;
  /** @returns Whether it was there. */
  readonly remove: (name: Name) => boolean;
  /** The names of all nodes that match, in no particular order. Same answer as `matches` on each. */
  readonly select: (query: Query) => Name[];
}

type Bits = Uint32Array;
type Slots = Set<number>;
type Tokens = Map<string, Slots>;

interface State<Name extends string> {
  readonly nodes: (Facts<Name> | undefined)[];
  readonly slotOf: Map<Name, number>;
  readonly free: number[];
  /** Field, token, slots. */
  readonly postings: Map<string, Tokens>;
}

export function createFactIndex<Name extends string = NodeName>(): FactIndex<Name> {
  const state: State<Name> = { nodes: [], slotOf: new Map(), free: [], postings: new Map() };
  return {
    get size() {
      return state.slotOf.size;
    },
    get: (name) => state.nodes[state.slotOf.get(name) ?? -1],
    put: (facts) => put(state, facts),
    remove: (name) => remove(state, name),
    select: (query) => namesOf(state, evaluate(state, query)),
  };
}

function put<Name extends string>(state: State<Name>, facts: Facts<Name>): void {
  const slot = state.slotOf.get(facts.name) ?? state.free.pop() ?? state.nodes.length;
  const before = state.nodes[slot];
  if (before !== undefined) unlist(state, slot, before);
  state.nodes[slot] = facts;
  state.slotOf.set(facts.name, slot);
  for (const [field, list] of facts.granting) addPostings(state, slot, field, list);
}

function remove<Name extends string>(state: State<Name>, name: Name): boolean {
  const slot = state.slotOf.get(name);
  if (slot === undefined) return false;
  const before = state.nodes[slot];
  if (before !== undefined) unlist(state, slot, before);
  state.nodes[slot] = undefined;
  state.slotOf.delete(name);
  state.free.push(slot);
  return true;
}

function addPostings<Name extends string>(
  state: State<Name>,
  slot: number,
  field: string,
  facts: readonly Fact[],
): void {
  let tokens = state.postings.get(field);
  if (tokens === undefined) {
    tokens = new Map();
    state.postings.set(field, tokens);
  }
  for (const { token } of facts) {
    const slots = tokens.get(token);
    if (slots === undefined) tokens.set(token, new Set([slot]));
    else slots.add(slot);
  }
}

function unlist<Name extends string>(state: State<Name>, slot: number, facts: Facts<Name>): void {
  for (const [field, list] of facts.granting) {
    const tokens = state.postings.get(field);
    if (tokens === undefined) continue;
    for (const { token } of list) {
      const slots = tokens.get(token);
      slots?.delete(slot);
      if (slots?.size === 0) tokens.delete(token);
    }
    if (tokens.size === 0) state.postings.delete(field);
  }
}

function evaluate<Name extends string>(state: State<Name>, query: Query): Bits {
  switch (query.kind) {
    case "all":
      return everyone(state);
    case "not":
      return fold([everyone(state), evaluate(state, query.operand)], (a, b) => a & ~b);
    case "and":
      return fold(
        query.operands.map((operand) => evaluate(state, operand)),
        (a, b) => a & b,
      );
    case "or":
      return fold(
        query.operands.map((operand) => evaluate(state, operand)),
        (a, b) => a | b,
      );
    case "term":
    case "phrase":
    case "range":
    case "word":
      return evaluateLeaf(state, query);
  }
}

function evaluateLeaf<Name extends string>(state: State<Name>, leaf: Leaf): Bits {
  const test = compileLeaf(leaf);
  const bits = emptyBits(state);
  for (const tokens of tokensOfFields(state, test)) {
    if (test.token !== null) mark(bits, tokens.get(test.token));
    else for (const [token, slots] of tokens) if (test.matchesToken(token)) mark(bits, slots);
  }
  if (test.beyondToken) keepOnly(state, bits, test);
  return bits;
}

function tokensOfFields<Name extends string>({ postings }: State<Name>, { field }: LeafTest): Tokens[] {
  if (typeof field !== "string")
    return [...postings].flatMap(([name, tokens]) => (field(name) ? [tokens] : []));
  const tokens = postings.get(field);
  return tokens === undefined ? [] : [tokens];
}

function mark(bits: Bits, slots: Slots | undefined): void {
  if (slots !== undefined)
    for (const slot of slots) bits[slot >>> 5] = (bits[slot >>> 5] ?? 0) | (1 << (slot & 31));
}

/** The tokens only named candidates: the facts themselves decide. */
function keepOnly<Name extends string>(state: State<Name>, bits: Bits, test: LeafTest): void {
  eachNode(state, bits, ({ granting }, slot) => {
    if (findFact(granting, test) === null) bits[slot >>> 5] = (bits[slot >>> 5] ?? 0) & ~(1 << (slot & 31));
  });
}

function fold(sets: readonly Bits[], join: (a: number, b: number) => number): Bits {
  const [first = new Uint32Array(), ...rest] = sets;
  for (const other of rest) {
    for (let i = 0; i < first.length; i++) first[i] = join(first[i] ?? 0, other[i] ?? 0);
  }
  return first;
}

function emptyBits<Name extends string>(state: State<Name>): Bits {
  return new Uint32Array(Math.ceil(state.nodes.length / 32));
}

function everyone<Name extends string>(state: State<Name>): Bits {
  const bits = emptyBits(state);
  for (const slot of state.slotOf.values()) bits[slot >>> 5] = (bits[slot >>> 5] ?? 0) | (1 << (slot & 31));
  return bits;
}

function namesOf<Name extends string>(state: State<Name>, bits: Bits): Name[] {
  const names: Name[] = [];
  eachNode(state, bits, (facts) => names.push(facts.name));
  return names;
}

function eachNode<Name extends string>(
  { nodes }: State<Name>,
  bits: Bits,
  visit: (facts: Facts<Name>, slot: number) => void,
): void {
  for (let i = 0; i < bits.length; i++) {
    // Takes the lowest bit that is set, until none is.
    for (let word = bits[i] ?? 0; word !== 0; word &= word - 1) {
      const slot = i * 32 + 31 - Math.clz32(word & -word);
      const facts = nodes[slot];
      if (facts !== undefined) visit(facts, slot);
    }
  }
}
