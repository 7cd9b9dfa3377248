/** Randomness, handed in as `Random` so that a test can say what comes. */
import { randomFillSync } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { ownBytes } from "./memory.ts";

/** Bytes in memory of their own, which the caller may keep, change and wipe. */
export type Random = (length: number) => Uint8Array;

/** The operating system's generator, through OpenSSL's. */
export const systemRandom: Random = (length) => randomFillSync(ownBytes(length));

/**
 * A whole number from 0 up to, not including, `below`: each as likely as the others. Draws that would favour
 * the small ones are thrown away.
 *
 * @param below - 1 to 2^24.
 */
export function uniform(random: Random, below: number): number {
  if (!Number.isInteger(below) || below < 1 || below > 0x1000000) {
    throw new KeywardError("internal", `a random number below ${below} cannot be drawn`);
  }
  const limit = 0x1000000 - (0x1000000 % below);
  for (;;) {
    const bytes = random(3);
    const drawn = ((bytes[0] ?? 0) << 16) | ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
    bytes.fill(0);
    if (drawn < limit) return drawn % below;
  }
}

/** From 0 up to, not including, 1. */
export function fraction(random: Random): number {
  return Buffer.from(random(4)).readUInt32BE(0) / 4_294_967_296;
}
