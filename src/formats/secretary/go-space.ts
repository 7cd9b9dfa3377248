/** White space as Go's `unicode.IsSpace` sees it, which is not JavaScript's: U+0085 counts and U+FEFF does not. */

const space = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g;
const atTheEnds = new RegExp(`^${space.source}+|${space.source}+$`, "g");

export function withoutSpace(text: string): string {
  return text.replace(space, "");
}

export function trimSpace(text: string): string {
  return text.replace(atTheEnds, "");
}
