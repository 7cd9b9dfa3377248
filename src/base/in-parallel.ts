/** Work on all of a list, a few at a time. */

/**
 * @param width - How many are under way at once.
 * @returns What each gave, in the list's order. The first that throws ends it: what is under way is waited for, what
 *   was not begun is left.
 */
export async function inParallel<T, R>(
  all: readonly T[],
  width: number,
  work: (one: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(all.length);
  let next = 0;
  let failure: { readonly error: unknown } | null = null;
  async function lane(): Promise<void> {
    while (next < all.length && failure === null) {
      const index = next++;
      try {
        results[index] = await work(all[index] as T, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, all.length) }, lane));
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
  return results;
}
