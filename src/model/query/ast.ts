/** The shapes of a query once it is parsed, and the limits that hold for each. */

/** A text with wildcards in it: `*` is any characters, `?` is one. `**` is written `*`. */
export type PatternPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "any" }
  | { readonly kind: "one" };

export type Pattern =
  | { readonly kind: "exact"; readonly text: string }
  | { readonly kind: "wild"; readonly parts: readonly PatternPart[] };

/** `field:value`: some fact of the field has this token. `field:*`: the field is there. */
export interface Term {
  readonly kind: "term";
  readonly field: Pattern;
  readonly value: Pattern;
}

/** `field:"hello world"`: some fact of the field begins with these words. */
export interface Phrase {
  readonly kind: "phrase";
  readonly field: string;
  readonly words: readonly string[];
}

/** `field:[a TO b]`, or `{a TO b}` without its ends: by the order of characters. `null` is an open end. */
export interface Range {
  readonly kind: "range";
  readonly field: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly inclusive: boolean;
}

/** Portable mode only: `and`, `or`, `not` in lower case, which Chef looks for among the later words of texts. */
export interface Word {
  readonly kind: "word";
  readonly word: string;
}

/** What a query asks of a single fact. */
export type Leaf = Term | Phrase | Range | Word;

export type Query =
  | { readonly kind: "all" }
  | Leaf
  | { readonly kind: "not"; readonly operand: Query }
  /** Two operands or more. */
  | { readonly kind: "and" | "or"; readonly operands: readonly Query[] };

export const queryLimits = {
  /** Bytes of text. */
  size: 4096,
  /** Groups inside one another. */
  depth: 32,
  /** Terms, phrases and ranges, all told. */
  terms: 256,
  /** Characters of field and value together: Chef's index cuts a pair at 255, with a separator of 5. */
  pair: 250,
} as const;
