/** Matching: clauses against a document. */
import { compilePattern } from "../../model/query/pattern.ts";
import type { Clause, Lucene, Where } from "./clause.ts";
import { byBytes, type ChefDocument } from "./document.ts";
import { isWithin } from "./edits.ts";
import { compileRegexp } from "./regexp.ts";

export type DocumentTest = (document: ChefDocument) => boolean;

export function compile(query: Lucene): DocumentTest {
  switch (query.kind) {
    case "all":
      return () => true;
    case "clauses":
      return compileClauses(query.clauses);
    case "words": {
      const { where, words, whole } = query;
      return ({ has, own }) =>
        words.some((word) => has.has(word)) || (where === "any" && own.includes(whole));
    }
    case "phrase": {
      const { where, whole } = query;
      return (document) => hasPhrase(document, query) || (where === "any" && document.own.includes(whole));
    }
    case "pattern":
      return someWord(query.where, compilePattern(query.pattern));
    case "fuzzy":
      return someWord(query.where, (word) => isWithin(query.text, word, query.edits));
    case "regexp":
      return someWord(query.where, compileRegexp(query.source));
    case "range": {
      const { from, to, inclusive } = query;
      const least = inclusive ? 0 : 1;
      return someWord(query.where, (word) => byBytes(word, from) >= least && byBytes(to, word) >= least);
    }
  }
}

/** Without a clause that is required, one that may match has to; with prohibited ones alone, all else matches. */
function compileClauses(clauses: readonly Clause[]): DocumentTest {
  const of = (occur: Clause["occur"]): DocumentTest[] =>
    clauses.filter((clause) => clause.occur === occur).map(({ query }) => compile(query));
  const [must, should, not] = [of("must"), of("should"), of("not")];
  const optional = must.length > 0 || should.length === 0;
  return (document) =>
    must.every((test) => test(document)) &&
    (optional || should.some((test) => test(document))) &&
    !not.some((test) => test(document));
}

function someWord(where: Where, test: (word: string) => boolean): DocumentTest {
  return ({ has, own }) => {
    for (const word of has) if (test(word)) return true;
    return where === "any" && own.some(test);
  };
}

/** Words may stand `slop` places off, all told; in their order and together when it is 0. */
function hasPhrase({ words, has }: ChefDocument, phrase: Lucene & { kind: "phrase" }): boolean {
  if (!phrase.words.every((word) => has.has(word))) return false;
  const offsets = phrase.words.map((wanted, i) =>
    words.flatMap((word, at) => (word === wanted ? [at - i] : [])),
  );
  return offsets.length > 0 && isNear(offsets, phrase.slop);
}

/** Is there one offset of each list so that the least and the greatest are `slop` apart at most? */
function isNear(offsets: readonly (readonly number[])[], slop: number): boolean {
  return offsets
    .flat()
    .some((low) => offsets.every((list) => list.some((offset) => offset >= low && offset <= low + slop)));
}
