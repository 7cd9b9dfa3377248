/**
 * Memory that a wipe reaches. Node's `Buffer.from` and `Buffer.concat` share a pool, and an engine may keep
 * a small typed array on its moving heap, where a copy is left behind; an ArrayBuffer of its own has neither
 * trouble. Root keys, data keys and what is derived from them live in nothing else.
 */

/** Zeros, in an ArrayBuffer of their own. */
export function ownBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

export function ownCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const own = ownBytes(bytes.byteLength);
  own.set(bytes);
  return own;
}

/** The same memory, without Buffer's own ways of slicing and printing. */
export function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Overwrite with zeros. */
export function wipe(...all: readonly (Uint8Array | null | undefined)[]): void {
  for (const bytes of all) bytes?.fill(0);
}
