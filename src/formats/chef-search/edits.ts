/** Edit distance: insertions, deletions, changes, and two neighbours exchanged, each counted once. */

/** @param limit - 0 to 2. */
export function isWithin(a: string, b: string, limit: number): boolean {
  const [from, to] = [[...a], [...b]];
  if (Math.abs(from.length - to.length) > limit) return false;
  let before: number[] = [];
  let last: number[] = to.map((_, j) => j);
  last.push(to.length);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = (last[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let least = Math.min(change, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      const exchanged = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (exchanged) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    if (Math.min(...row) > limit) return false;
    [before, last] = [last, row];
  }
  return (last[to.length] ?? 0) <= limit;
}
