/**
 * A sieve of small primes: what it strikes out needs no costly test. Primes are taken in bunches, so that most
 * of the division is the runtime's own on large numbers.
 */

/** Primes whose product is below 2^53, so that a remainder modulo it is an exact number. */
interface Bunch {
  readonly product: bigint;
  readonly primes: readonly number[];
}

interface Bale {
  /** Of the bunches: some 256 bits. */
  readonly product: bigint;
  readonly bunches: readonly Bunch[];
}

const BUNCHES_IN_BALE = 5;
const LARGEST_EXACT = 2n ** 53n;

export interface Sieve {
  /** Is there a prime of the sieve that divides it, and is not it? */
  hasFactor(candidate: bigint): boolean;
}

/** @param from - The least prime of the sieve. @param to - No prime is larger. */
export function createSieve(from: number, to: number): Sieve {
  const bales = bale(bunch(primesOf(from, to)));
  return {
    hasFactor: (candidate) =>
      bales.some(({ product, bunches }) => {
        const rest = candidate % product;
        return bunches.some((one) => divides(one, rest, candidate));
      }),
  };
}

function divides({ product, primes }: Bunch, rest: bigint, candidate: bigint): boolean {
  const remainder = Number(rest % product);
  // Exact: a multiple of the prime divides to a whole number, which the product of doubles gives to the unit.
  return primes.some(
    (prime) => Math.round(remainder / prime) * prime === remainder && candidate !== BigInt(prime),
  );
}

function primesOf(from: number, to: number): number[] {
  const composite = new Uint8Array(to + 1);
  const primes: number[] = [];
  for (let n = 2; n <= to; n++) {
    if (composite[n] === 1) continue;
    if (n >= from) primes.push(n);
    for (let multiple = n * n; multiple <= to; multiple += n) composite[multiple] = 1;
  }
  return primes;
}

function bunch(primes: readonly number[]): Bunch[] {
  const bunches: { product: bigint; primes: number[] }[] = [];
  for (const prime of primes) {
    const last = bunches.at(-1);
    const product = (last?.product ?? LARGEST_EXACT) * BigInt(prime);
    if (last === undefined || product >= LARGEST_EXACT)
      bunches.push({ product: BigInt(prime), primes: [prime] });
    else {
      last.product = product;
      last.primes.push(prime);
    }
  }
  return bunches;
}

function bale(bunches: readonly Bunch[]): Bale[] {
  const bales: Bale[] = [];
  for (let i = 0; i < bunches.length; i += BUNCHES_IN_BALE) {
    const some = bunches.slice(i, i + BUNCHES_IN_BALE);
    bales.push({ bunches: some, product: some.reduce((all, { product }) => all * product, 1n) });
  }
  return bales;
}
