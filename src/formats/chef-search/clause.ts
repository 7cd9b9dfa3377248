/** What a query is once Lucene has read it: clauses that must, should or must not match, and leaves. */
import type { Pattern } from "../../model/query/ast.ts";

/** `content` is the node's own words; `any` also the three that the server keeps of each object. */
export type Where = "content" | "any";

export type Occur = "must" | "should" | "not";

export interface Clause {
  readonly occur: Occur;
  readonly query: Lucene;
}

export type Lucene =
  | { readonly kind: "all" }
  /** One of these words is there; `whole` is what a field of the server's own is held against. */
  | {
      readonly kind: "words";
      readonly where: Where;
      readonly words: readonly string[];
      readonly whole: string;
    }
  /** These words one after the other, `slop` places apart at most. */
  | {
      readonly kind: "phrase";
      readonly where: Where;
      readonly words: readonly string[];
      readonly slop: number;
      readonly whole: string;
    }
  | { readonly kind: "pattern"; readonly where: Where; readonly pattern: Pattern }
  | { readonly kind: "fuzzy"; readonly where: Where; readonly text: string; readonly edits: number }
  | { readonly kind: "regexp"; readonly where: Where; readonly source: string }
  | {
      readonly kind: "range";
      readonly where: Where;
      readonly from: string;
      readonly to: string;
      readonly inclusive: boolean;
    }
  | { readonly kind: "clauses"; readonly clauses: readonly Clause[] };
