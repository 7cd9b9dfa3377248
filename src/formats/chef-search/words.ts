/** Words as the index cuts a text: at white space, and what is longer than 255 into pieces. */
import { blanks } from "../../model/flatten.ts";

const LONGEST = 255;

export function wordsOf(text: string): string[] {
  return text
    .split(blanks)
    .filter((word) => word !== "")
    .flatMap(pieces);
}

/** By UTF-16 units, and never through a surrogate pair. */
function pieces(word: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < word.length; ) {
    const full = at + LONGEST;
    const end = full < word.length && /[\ud800-\udbff]/.test(word[full - 1] ?? "") ? full - 1 : full;
    found.push(word.slice(at, end));
    at = end;
  }
  return found;
}
