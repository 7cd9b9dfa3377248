/** Places in a text as line numbers, which people and editors count from 1. */

/** @returns The line of a place. */
export function createLines(text: string): (at: number) => number {
  const starts = [0];
  for (let next = text.indexOf("\n"); next >= 0; next = text.indexOf("\n", next + 1)) starts.push(next + 1);
  return (at) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] as number) <= at) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
