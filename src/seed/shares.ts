/**
 * Shares: a seed split among several people, so that any few of them together have it and fewer have nothing
 * (Shamir, "How to share a secret", 1979). The arithmetic is the package shamir-secret-sharing's; see
 * docs/decisions/006-shamir.md.
 */
import { combine, split } from "shamir-secret-sharing";
import { toHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Random } from "../crypto/random.ts";
import { openedSeed } from "../derive/opened.ts";
import { MAX_SHARES, type SeedShare } from "../formats/seed/seed.ts";
import type { SeedFacts } from "../model/seed-place.ts";

export interface SharePlan {
  /** How many people: 2 to 255. */
  readonly count: number;
  /** How many of them have the seed together: 2 to `count`. */
  readonly threshold: number;
}

/**
 * @param seed - Stays the caller's.
 * @returns The shares; the caller wipes their data.
 * @throws KeywardError `usage` when the plan is out of bounds.
 */
export async function splitSeed(
  { scheme, id, generation }: Pick<SeedFacts, "scheme" | "id" | "generation">,
  seed: Secret,
  { count, threshold }: SharePlan,
  random: Random,
): Promise<SeedShare[]> {
  const whole = Number.isInteger(count) && Number.isInteger(threshold);
  if (!whole || count < 2 || count > MAX_SHARES || threshold < 2 || threshold > count)
    throw new KeywardError("usage", `want 2 to ${MAX_SHARES} shares, of which 2 or more give the seed`);
  using copy = Secret.copy(seed.reveal());
  const parts = await split(copy.reveal() as Uint8Array<ArrayBuffer>, count, threshold);
  const set = toHex(random(8));
  const shares = parts.map((part, i) => ({
    ...{ seed: id, scheme, generation, split: set, index: i + 1, count, threshold },
    data: Secret.take(part),
  }));
  await assertJoinable(shares, seed, threshold);
  return shares;
}

export interface JoinedSeed extends Pick<SeedFacts, "scheme" | "id" | "generation"> {
  /** The caller wipes it. */
  readonly seed: Secret;
}

/**
 * @param shares - The threshold's number of them or more, in any order.
 * @throws KeywardError `usage` when they are too few, of different seeds or splittings, or one is there twice;
 *   `integrity` when what they give is not the seed that they name.
 */
export async function joinShares(shares: readonly SeedShare[]): Promise<JoinedSeed> {
  const [first] = shares;
  if (first === undefined) throw new KeywardError("usage", "no share was given");
  assertTogether(first, shares);
  const missing = first.threshold - shares.length;
  if (missing > 0)
    throw new KeywardError(
      "usage",
      `${shares.length} of the ${first.threshold} shares that give the seed: ${missing} more ${missing === 1 ? "is" : "are"} needed`,
      { hint: `there were ${first.count} shares of seed ${first.seed}, split ${first.split}` },
    );
  const seed = Secret.take(await combineAll(shares));
  const { scheme, generation, seed: id } = first;
  if (idOf(scheme, seed) === id) return { scheme, id, generation, seed };
  seed.wipe();
  throw new KeywardError("integrity", "the shares do not give the seed that they name", {
    hint: "one of them was changed, or copied from another one's head: try other shares of the same split",
  });
}

function assertTogether(first: SeedShare, shares: readonly SeedShare[]): void {
  const seen = new Set<number>();
  for (const share of shares) {
    if (share.seed !== first.seed)
      throw new KeywardError("usage", `shares of different seeds: ${first.seed} and ${share.seed}`);
    const same = (["split", "scheme", "generation", "count", "threshold"] as const).every(
      (field) => share[field] === first[field],
    );
    if (!same || share.data.length !== first.data.length)
      throw new KeywardError("usage", `shares of different splits: ${first.split} and ${share.split}`, {
        hint: "each splitting makes shares of its own, which do not go with others",
      });
    if (seen.has(share.index)) throw new KeywardError("usage", `share ${share.index} is given twice`);
    seen.add(share.index);
  }
}

async function combineAll(shares: readonly SeedShare[]): Promise<Uint8Array> {
  try {
    return await combine(shares.map(({ data }) => data.reveal() as Uint8Array<ArrayBuffer>));
  } catch (cause) {
    throw new KeywardError("integrity", "the shares do not go together", { cause });
  }
}

/** Nobody is handed a share before it is known that shares give the seed. */
async function assertJoinable(shares: readonly SeedShare[], seed: Secret, threshold: number): Promise<void> {
  for (const some of [shares.slice(0, threshold), shares.slice(-threshold), shares]) {
    using joined = Secret.take(await combineAll(some));
    if (!joined.equals(seed)) throw new KeywardError("internal", "the shares do not give the seed back");
  }
}

function idOf(scheme: SeedFacts["scheme"], seed: Secret): string {
  try {
    // Not disposed of: that would wipe the seed.
    return openedSeed(scheme, seed).id;
  } catch {
    return "";
  }
}
