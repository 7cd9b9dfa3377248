/**
 * Queries: which nodes are meant. The subset of Lucene's syntax that Chef users type, kept strict where Chef's
 * servers disagree.
 *
 *     parse.ts      text to query          leaf.ts        one term against a node's facts
 *     format.ts     query to text          compile.ts     a query against one node
 *     explain.ts    why, term by term      fact-index.ts  a query against the whole fleet
 *
 * Spec: docs/formats/query.md. Vectors: test/vectors/chef/search-queries.json.
 */
export type { Leaf, Pattern, PatternPart, Phrase, Query, Range, Term, Word } from "./ast.ts";
export { queryLimits } from "./ast.ts";
export { compileQuery, matches } from "./compile.ts";
export { type Explanation, explain, formatExplanation, type Miss, summarize } from "./explain.ts";
export { createFactIndex, type FactIndex } from "./fact-index.ts";
export { formatQuery } from "./format.ts";
export { type ParseOptions, parseQuery } from "./parse.ts";
