/**
 * Primes from a stream. The stream is one row of candidates: each is read fresh, made odd and large, and moved up
 * to the next number without a small factor. Since a candidate depends on nothing but its place in the stream,
 * candidates are read ahead and tested on all cores (`checkPrime` runs in the runtime's thread pool), and judged
 * in stream order.
 *
 * Source: gokey, rsa/ (Go 1.18's crypto/rand). Vectors: test/vectors/gokey/rsa*.json.
 */
import { checkPrime } from "node:crypto";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { KeywardError } from "../../base/errors.ts";
import type { Stream } from "../../crypto/stream.ts";
import { bitLength, fromNumber, toNumber } from "./number.ts";
import { createSieve, type Sieve } from "./sieve.ts";

/** OpenSSL gives a number that passes 64 rounds or more whatever it is asked; others fall in the first. */
const isPrime = promisify(checkPrime) as (candidate: Uint8Array) => Promise<boolean>;

const smallPrimes = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];
const product = smallPrimes.map(BigInt).reduce((a, b) => a * b);

/**
 * How far ahead of the candidate that is judged others are tested. While a prime passes its rounds, the row grows:
 * behind the first prime of a pair that is work for the second; behind the second it would be for nothing.
 */
const AHEAD_OF_FIRST = 128;
const AHEAD_OF_SECOND = 16;

/**
 * Every prime of the stream, in stream order, without end. Whoever has enough of them calls `return`.
 *
 * @param bits - Of a prime, in whole bytes.
 * @throws KeywardError `timeout` when the signal comes.
 */
export async function* primesOf(stream: Stream, bits: number, signal?: AbortSignal): AsyncGenerator<bigint> {
  const row: { readonly candidate: bigint; readonly passed: Promise<boolean> }[] = [];
  // One more than there are cores, so that none waits for the event loop.
  const most = availableParallelism() + 1;
  const sieve = sieveFor(bits);
  const stop = stopOf(signal);
  let running = 0;
  let found = 0;
  const test = async (candidate: bigint): Promise<boolean> => {
    if (bitLength(candidate) !== bits || sieve?.hasFactor(candidate)) return false;
    running++;
    // The runtime reads a bigint much slower than bytes.
    const passed = await isPrime(fromNumber(candidate));
    running--;
    fill();
    return passed;
  };
  const fill = (): void => {
    const ahead = found % 2 === 0 ? AHEAD_OF_FIRST : AHEAD_OF_SECOND;
    while (!stop.stopped && running < most && row.length < ahead) {
      const candidate = readCandidate(stream, bits);
      row.push({ candidate, passed: test(candidate) });
    }
  };
  try {
    for (;;) {
      fill();
      const next = row.shift();
      if (next === undefined || !(await Promise.race([next.passed, stop.asked]))) continue;
      found++;
      yield next.candidate;
    }
  } finally {
    stop.end();
  }
}

/** Rejects when the signal comes, at once if it has come already. */
function stopOf(signal?: AbortSignal) {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const stop = {
    stopped: false,
    asked: promise,
    end: (): void => {
      stop.stopped = true;
      signal?.removeEventListener("abort", refuse);
    },
  };
  const refuse = (): void => {
    stop.stopped = true;
    reject(new KeywardError("timeout", "deriving an RSA key: out of time"));
  };
  if (signal?.aborted) refuse();
  else signal?.addEventListener("abort", refuse);
  return stop;
}

const sieves = new Map<number, Sieve>();

/** The costlier a test, the more is worth striking out before it. Small numbers, which only tests ask for, are prime too often. */
function sieveFor(bits: number): Sieve | undefined {
  if (bits < 512) return undefined;
  const to = bits > 1024 ? 16_384 : 4096;
  const sieve = sieves.get(to) ?? createSieve(59, to);
  sieves.set(to, sieve);
  return sieve;
}

function readCandidate(stream: Stream, bits: number): bigint {
  const bytes = stream.read(bits / 8);
  bytes[0] = (bytes[0] as number) | 0xc0;
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) | 1;
  const start = toNumber(bytes);
  bytes.fill(0);
  return start + BigInt(stepOver(start % product));
}

/** How far to the next number without a small factor. The remainder stays exact: it is below 2^64, the step below 2^20. */
function stepOver(remainder: bigint): number {
  const remainders = smallPrimes.map((prime) => Number(remainder % BigInt(prime)));
  for (let delta = 0; delta < 1 << 20; delta += 2) {
    if (remainders.every((r, i) => (r + delta) % (smallPrimes[i] as number) !== 0)) return delta;
  }
  return 0;
}
