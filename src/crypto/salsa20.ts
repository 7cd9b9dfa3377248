/**
 * Salsa20 and HSalsa20 (D. J. Bernstein, "The Salsa20 family of stream ciphers", 2007; "Extending the Salsa20
 * nonce", 2011): the parts that NaCl's secret box is made of and that the runtime does not have. Words are 32
 * bits, little-endian; no branch and no index depends on a secret.
 */
import { loadWord } from "./little-endian.ts";
import { ownBytes } from "./memory.ts";

/** Eight words, in memory of their own, so that a wipe reaches them. */
export type SalsaKey = Int32Array;
/** Sixteen words, likewise. */
export type SalsaBlock = Int32Array;

/** "expand 32-byte k", four words. */
const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

export function salsaKey(): SalsaKey {
  return new Int32Array(ownBytes(32).buffer);
}

export function salsaBlock(): SalsaBlock {
  return new Int32Array(ownBytes(64).buffer);
}

/** @param bytes - 32 bytes. */
export function loadKey(bytes: Uint8Array, key: SalsaKey): void {
  for (let i = 0; i < 8; i++) key[i] = loadWord(bytes, 4 * i);
}

/**
 * One block of the stream: the state after twenty rounds, plus the state before.
 *
 * @param n0 - The nonce's first word; `n1` its second; `counter` the block's number, below 2^32.
 */
export function salsa20Block(key: SalsaKey, n0: number, n1: number, counter: number, out: SalsaBlock): void {
  rounds(key, n0, n1, counter, 0, out);
  out[0] = (out[0] as number) + SIGMA[0];
  for (let i = 0; i < 4; i++) out[1 + i] = (out[1 + i] as number) + (key[i] as number);
  out[5] = (out[5] as number) + SIGMA[1];
  out[6] = (out[6] as number) + n0;
  out[7] = (out[7] as number) + n1;
  out[8] = (out[8] as number) + counter;
  out[10] = (out[10] as number) + SIGMA[2];
  for (let i = 0; i < 4; i++) out[11 + i] = (out[11 + i] as number) + (key[4 + i] as number);
  out[15] = (out[15] as number) + SIGMA[3];
}

/**
 * A key from a key and 16 bytes: the diagonal and the input's places of the state after twenty rounds.
 *
 * @param state - Scratch, which the caller wipes.
 * @param derived - Takes the result; may be `key` itself.
 */
export function hsalsa20(key: SalsaKey, input: Uint8Array, state: SalsaBlock, derived: SalsaKey): void {
  rounds(key, loadWord(input, 0), loadWord(input, 4), loadWord(input, 8), loadWord(input, 12), state);
  for (let i = 0; i < 4; i++) {
    derived[i] = state[5 * i] as number;
    derived[4 + i] = state[6 + i] as number;
  }
}

/** Twenty rounds, ten times a column round and a row round; the input is four words, at 6 to 9. */
function rounds(k: SalsaKey, i0: number, i1: number, i2: number, i3: number, x: SalsaBlock): void {
  let x0: number = SIGMA[0];
  let x1 = k[0] as number;
  let x2 = k[1] as number;
  let x3 = k[2] as number;
  let x4 = k[3] as number;
  let x5: number = SIGMA[1];
  let x6 = i0;
  let x7 = i1;
  let x8 = i2;
  let x9 = i3;
  let x10: number = SIGMA[2];
  let x11 = k[4] as number;
  let x12 = k[5] as number;
  let x13 = k[6] as number;
  let x14 = k[7] as number;
  let x15: number = SIGMA[3];
  for (let i = 0; i < 10; i++) {
    x4 ^= rotate(x0 + x12, 7);
    x8 ^= rotate(x4 + x0, 9);
    x12 ^= rotate(x8 + x4, 13);
    x0 ^= rotate(x12 + x8, 18);
    x9 ^= rotate(x5 + x1, 7);
    x13 ^= rotate(x9 + x5, 9);
    x1 ^= rotate(x13 + x9, 13);
    x5 ^= rotate(x1 + x13, 18);
    x14 ^= rotate(x10 + x6, 7);
    x2 ^= rotate(x14 + x10, 9);
    x6 ^= rotate(x2 + x14, 13);
    x10 ^= rotate(x6 + x2, 18);
    x3 ^= rotate(x15 + x11, 7);
    x7 ^= rotate(x3 + x15, 9);
    x11 ^= rotate(x7 + x3, 13);
    x15 ^= rotate(x11 + x7, 18);

    x1 ^= rotate(x0 + x3, 7);
    x2 ^= rotate(x1 + x0, 9);
    x3 ^= rotate(x2 + x1, 13);
    x0 ^= rotate(x3 + x2, 18);
    x6 ^= rotate(x5 + x4, 7);
    x7 ^= rotate(x6 + x5, 9);
    x4 ^= rotate(x7 + x6, 13);
    x5 ^= rotate(x4 + x7, 18);
    x11 ^= rotate(x10 + x9, 7);
    x8 ^= rotate(x11 + x10, 9);
    x9 ^= rotate(x8 + x11, 13);
    x10 ^= rotate(x9 + x8, 18);
    x12 ^= rotate(x15 + x14, 7);
    x13 ^= rotate(x12 + x15, 9);
    x14 ^= rotate(x13 + x12, 13);
    x15 ^= rotate(x14 + x13, 18);
  }
  x[0] = x0;
  x[1] = x1;
  x[2] = x2;
  x[3] = x3;
  x[4] = x4;
  x[5] = x5;
  x[6] = x6;
  x[7] = x7;
  x[8] = x8;
  x[9] = x9;
  x[10] = x10;
  x[11] = x11;
  x[12] = x12;
  x[13] = x13;
  x[14] = x14;
  x[15] = x15;
}

function rotate(sum: number, by: number): number {
  return (sum << by) | (sum >>> (32 - by));
}
