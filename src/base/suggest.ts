/** Did you mean: the known word that is closest to a mistyped one. */

/** The closest word, or null when none is close enough to be meant. */
export function closest(typed: string, known: readonly string[]): string | null {
  const far = Math.max(1, Math.floor(typed.length / 3) + 1);
  let best: { word: string; distance: number } | null = null;
  for (const word of known) {
    const distance = word.startsWith(typed) && typed.length > 1 ? 1 : distanceBetween(typed, word);
    if (distance <= far && (best === null || distance < best.distance)) best = { word, distance };
  }
  return best?.word ?? null;
}

/** Letters to insert, remove, replace or swap with their neighbour. */
export function distanceBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const [up = 0, left = 0, corner = 0] = [last[j], row[j - 1], last[j - 1]];
      row[j] = Math.min(up + 1, left + 1, corner + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j] ?? 0, (before[j - 2] ?? 0) + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
