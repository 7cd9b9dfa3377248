/** Big numbers and bytes, big-endian. */

export function toNumber(bytes: Uint8Array): bigint {
  return bytes.length === 0
    ? 0n
    : BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`);
}

/** Padded on the left to `length`, or as short as it gets. */
export function fromNumber(value: bigint, length = 0): Uint8Array {
  const hex = value.toString(16);
  const digits = hex.padStart(Math.max(length * 2, hex.length + (hex.length % 2)), "0");
  return new Uint8Array(Buffer.from(digits, "hex"));
}

export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** The inverse of `a` modulo `m`, or `null` when there is none. */
export function inverse(a: bigint, m: bigint): bigint | null {
  let [r, next] = [m, ((a % m) + m) % m];
  let [t, nextT] = [0n, 1n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next] = [next, r - quotient * next];
    [t, nextT] = [nextT, t - quotient * nextT];
  }
  return r === 1n ? ((t % m) + m) % m : null;
}
