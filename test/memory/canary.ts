/** What parent and child of the memory test both know. */
export const KEY_FILE = "p1EFhMyR0l2yv7Zc8GkUqx5tBnW3sJd9aLoV6iKe";
export const PASSPHRASE = "nine Odd words in a row";
export const COST = { N: 16_384, r: 8, p: 1 };

/**
 * Canaries: keys that parent and child both know without telling each other. Each draw of random bytes in the
 * child gives the next one; the parent makes them again and looks for them in the child's memory.
 *
 * They are computed byte by byte, so that making one leaves no copy but the one that is asked for.
 */
export function fillCanary(draw: number, out: Uint8Array): void {
  for (let i = 0; i < out.byteLength; i++) out[i] = canaryByte(draw, i);
}

function canaryByte(draw: number, i: number): number {
  let x = (draw * 0x9e3779b1 + i * 0x85ebca6b + 0x5bd1e995) >>> 0;
  for (const factor of [0x2c1b3c6d, 0x297a2d39, 0x7feb352d]) {
    x = Math.imul(x ^ (x >>> 15), factor) >>> 0;
  }
  return (x ^ (x >>> 13)) & 255;
}
