/** scrypt (RFC 7914): a key from what people can remember, at a price for whoever guesses. */
import { scrypt as runScrypt } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { ownBytes } from "./memory.ts";

export interface ScryptCost {
  /** The cost N, a power of two; the memory is 128 · N · r bytes. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** 128 MiB, some 0.3 s on one core. */
export const defaultCost: ScryptCost = { N: 131_072, r: 8, p: 1 };

/** Bounds for what is read back: no weaker than scrypt's own advice, no more than 1 GiB for 8 rounds. */
const least: ScryptCost = { N: 16_384, r: 8, p: 1 };
const most: ScryptCost = { N: 1_048_576, r: 8, p: 8 };

/** @throws KeywardError `malformed` when a parameter is out of bounds. */
export function assertCost({ N, r, p }: ScryptCost, what: string): void {
  const whole = [N, r, p].every(Number.isInteger);
  const inBounds = N >= least.N && N <= most.N && r >= least.r && r <= most.r && p >= least.p && p <= most.p;
  if (!whole || !inBounds || (N & (N - 1)) !== 0) {
    throw new KeywardError("malformed", `${what}: scrypt parameters out of bounds`);
  }
}

/**
 * Runs on another thread, so that a server goes on serving.
 *
 * @param length - Bytes wanted.
 * @returns Bytes in memory of their own: the caller wipes them.
 * @throws KeywardError `malformed` when the cost is out of bounds.
 */
export function scrypt(
  password: Uint8Array,
  salt: Uint8Array,
  cost: ScryptCost,
  length: number,
): Promise<Uint8Array> {
  assertCost(cost, "scrypt");
  const { N, r, p } = cost;
  const options = { N, r, p, maxmem: 128 * N * r + 128 * r * p + 1_048_576 };
  return new Promise((resolve, reject) => {
    runScrypt(password, salt, length, options, (error, derived) => {
      // Node says null when there is none, Bun undefined.
      if (error) return reject(new KeywardError("internal", "scrypt failed", { cause: error }));
      const own = ownBytes(length);
      own.set(derived);
      derived.fill(0);
      resolve(own);
    });
  });
}
