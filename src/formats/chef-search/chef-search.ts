/**
 * Chef search: a query as chef-server answers it, oddities included. For reading along with a Chef server; who gets
 * a key is decided by `model/query`, which refuses what servers disagree about.
 *
 *     grammar.ts   the server's own grammar: is it a query, and what does the index get to read?
 *     tokens.ts    that text cut into the tokens of Lucene's query parser
 *     parse.ts     tokens to clauses that must, should or must not match
 *     document.ts  a node's facts as the words of its index document
 *     match.ts     clauses against a document
 *
 * Source: chef-server 15, chef_lucene.peg and chef_index_expand.erl; Lucene 8, classic query parser; OpenSearch,
 * query_string. Page: docs/formats/chef-search.md. Vectors: test/vectors/chef/search-queries.json.
 */
import { KeywardError } from "../../base/errors.ts";
import { rewrite } from "./grammar.ts";
import { compile, type DocumentTest } from "./match.ts";
import { parseClauses } from "./parse.ts";

export { type ChefDocument, chefDocument } from "./document.ts";
export type { DocumentTest } from "./match.ts";

export const chefSearchLimits = {
  /** Bytes of a query. */
  size: 4096,
  /** Groups inside one another. */
  depth: 128,
} as const;

/**
 * @param text - After the decoding of the URL that it stood in.
 * @returns Whether a document is among what the server answers.
 * @throws KeywardError `malformed` where the server answers 400; `too-large` beyond the limits.
 */
export function parseChefSearch(text: string): DocumentTest {
  if (Buffer.byteLength(text) > chefSearchLimits.size)
    throw new KeywardError("too-large", `query: longer than ${chefSearchLimits.size} bytes`);
  return compile(parseClauses(rewrite(decodeAgain(text), chefSearchLimits.depth)));
}

/** The server decodes `%XX` once more after the URL has been decoded. */
function decodeAgain(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
