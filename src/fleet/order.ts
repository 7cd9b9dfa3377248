/** The order in which names are listed and paged: that of their code units, the same for everyone. */

export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The names after `after`, at most `limit` of them, and whether there are more. */
export function pageOf<Name extends string>(
  names: readonly Name[],
  { after = "", limit }: { after?: string | undefined; limit: number },
): { page: Name[]; more: boolean } {
  const start = after === "" ? 0 : names.findIndex((name) => compareNames(name, after) > 0);
  if (start < 0) return { page: [], more: false };
  return { page: names.slice(start, start + limit), more: names.length > start + limit };
}
