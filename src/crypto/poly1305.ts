/**
 * Poly1305 (D. J. Bernstein, 2005; RFC 8439, section 2.5): a code over one message, under a key for that
 * message alone. A number modulo 2^130 − 5 is six limbs of 22 bits in doubles: no sum of products reaches 2^53,
 * so every step is exact, and no branch depends on a secret.
 */
import { loadWord } from "./little-endian.ts";
import { ownBytes } from "./memory.ts";

export const POLY1305_TAG_SIZE = 16;

const BLOCK = 16;
/** 2^22. */
const LIMB = 4_194_304;
const MASK = LIMB - 1;
/** What 2^132, the carry out of the top limb, is worth: 2^2 · 5. */
const WRAP = 20;
/** The bit after sixteen bytes, 2^128, as it stands in the top limb. */
const BLOCK_END = 262_144;
/** The bit at which the prime ends, 2^130, as it stands in the top limb. */
const PRIME_END = 1_048_576;
const CLAMP = [255, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15];

type Limbs = Float64Array;

/** One set for all calls, which cannot overlap, since nothing here waits; zeros between calls. */
const scratch = {
  sum: limbs(),
  multiplier: limbs(),
  message: limbs(),
  reduced: limbs(),
  block: ownBytes(BLOCK),
};

/**
 * @param key - 32 bytes, never used for another message.
 * @returns 16 bytes.
 */
export function poly1305(key: Uint8Array, message: Uint8Array): Uint8Array {
  const { sum: h, multiplier: r, message: m, block } = scratch;
  clamp(key, block);
  load(block, 0, 0, r);
  const whole = message.byteLength - (message.byteLength % BLOCK);
  for (let at = 0; at < whole; at += BLOCK) {
    load(message, at, BLOCK_END, m);
    absorb(h, r, m);
  }
  if (whole < message.byteLength) {
    end(message, whole, block);
    load(block, 0, 0, m);
    absorb(h, r, m);
  }
  reduce(h, scratch.reduced);
  const tag = addKey(h, key);
  for (const memory of [h, r, m, block]) memory.fill(0);
  return tag;
}

function limbs(): Limbs {
  return new Float64Array(ownBytes(48).buffer);
}

/** The multiplier, with the bits that must be zero. */
function clamp(key: Uint8Array, r: Uint8Array): void {
  for (let i = 0; i < BLOCK; i++) r[i] = (key[i] as number) & (CLAMP[i] as number);
}

/** The last bytes of a message, the bit after them, zeros. */
function end(message: Uint8Array, from: number, block: Uint8Array): void {
  block.fill(0);
  for (let i = from; i < message.byteLength; i++) block[i - from] = message[i] as number;
  block[message.byteLength - from] = 1;
}

/** Sixteen bytes, little-endian, and what follows them. */
function load(bytes: Uint8Array, at: number, after: number, out: Limbs): void {
  const t0 = loadWord(bytes, at);
  const t1 = loadWord(bytes, at + 4);
  const t2 = loadWord(bytes, at + 8);
  const t3 = loadWord(bytes, at + 12);
  out[0] = t0 & MASK;
  out[1] = ((t0 >>> 22) | (t1 << 10)) & MASK;
  out[2] = ((t1 >>> 12) | (t2 << 20)) & MASK;
  out[3] = (t2 >>> 2) & MASK;
  out[4] = ((t2 >>> 24) | (t3 << 8)) & MASK;
  out[5] = (t3 >>> 14) + after;
}

/** h becomes (h + m) · r; afterwards limb 1 is below 2^23 and the others below 2^22. */
function absorb(h: Limbs, r: Limbs, m: Limbs): void {
  const h0 = (h[0] as number) + (m[0] as number);
  const h1 = (h[1] as number) + (m[1] as number);
  const h2 = (h[2] as number) + (m[2] as number);
  const h3 = (h[3] as number) + (m[3] as number);
  const h4 = (h[4] as number) + (m[4] as number);
  const h5 = (h[5] as number) + (m[5] as number);
  const r0 = r[0] as number;
  const r1 = r[1] as number;
  const r2 = r[2] as number;
  const r3 = r[3] as number;
  const r4 = r[4] as number;
  const r5 = r[5] as number;
  h[0] = h0 * r0 + WRAP * (h1 * r5 + h2 * r4 + h3 * r3 + h4 * r2 + h5 * r1);
  h[1] = h0 * r1 + h1 * r0 + WRAP * (h2 * r5 + h3 * r4 + h4 * r3 + h5 * r2);
  h[2] = h0 * r2 + h1 * r1 + h2 * r0 + WRAP * (h3 * r5 + h4 * r4 + h5 * r3);
  h[3] = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + WRAP * (h4 * r5 + h5 * r4);
  h[4] = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0 + WRAP * (h5 * r5);
  h[5] = h0 * r5 + h1 * r4 + h2 * r3 + h3 * r2 + h4 * r1 + h5 * r0;
  carry(h);
}

/** Once around: each limb hands what is above 22 bits to the next, the top one to the first. */
function carry(h: Limbs): void {
  let over = 0;
  for (let i = 0; i < 6; i++) {
    const limb = (h[i] as number) + over;
    over = Math.floor(limb / LIMB);
    h[i] = limb - over * LIMB;
  }
  const first = (h[0] as number) + over * WRAP;
  over = Math.floor(first / LIMB);
  h[0] = first - over * LIMB;
  h[1] = (h[1] as number) + over;
}

/** To the one representative below 2^130 − 5: what is above 2^130 comes back as fives, twice; then h or h − p. */
function reduce(h: Limbs, g: Limbs): void {
  for (let i = 0; i < 2; i++) {
    const over = Math.floor((h[5] as number) / PRIME_END);
    h[5] = (h[5] as number) - over * PRIME_END;
    h[0] = (h[0] as number) + over * 5;
    carry(h);
  }
  g.set(h);
  g[0] = (g[0] as number) + 5;
  carry(g);
  const past = Math.floor((g[5] as number) / PRIME_END);
  g[5] = (g[5] as number) - past * PRIME_END;
  for (let i = 0; i < 6; i++) h[i] = past * (g[i] as number) + (1 - past) * (h[i] as number);
  g.fill(0);
}

/** h plus the second half of the key, modulo 2^128, as bytes. */
function addKey(h: Limbs, key: Uint8Array): Uint8Array {
  const tag = new Uint8Array(POLY1305_TAG_SIZE);
  let bits = 0;
  let held = 0;
  let limb = 0;
  let over = 0;
  for (let i = 0; i < POLY1305_TAG_SIZE; i++) {
    if (held < 8) {
      bits += (h[limb++] as number) * 2 ** held;
      held += 22;
    }
    over += (bits & 255) + (key[16 + i] as number);
    tag[i] = over;
    over >>>= 8;
    bits >>>= 8;
    held -= 8;
  }
  return tag;
}
