/**
 * Secret: bytes that must not be seen. It prints as `[secret, 32 bytes]` wherever it is turned into text;
 * `reveal()` marks each place that touches plain text; `wipe()` overwrites the bytes.
 *
 * The bytes are owned: `Secret.take` adopts a buffer (the caller must not use it again), `Secret.copy`
 * copies one. Both keep them in memory of their own, never in Node's shared pool, so that a wipe is one.
 */
import { timingSafeEqual } from "node:crypto";
import { inspect } from "node:util";

export class Secret {
  #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Adopt `bytes`. Bytes that lie in a larger shared buffer are moved out and the original is wiped. */
  static take(bytes: Uint8Array): Secret {
    if (bytes.byteLength === bytes.buffer.byteLength) return new Secret(bytes);
    const secret = Secret.copy(bytes);
    bytes.fill(0);
    return secret;
  }

  static copy(bytes: Uint8Array): Secret {
    const own = new Uint8Array(bytes.byteLength);
    own.set(bytes);
    return new Secret(own);
  }

  /** From text that is already a string (a generated password, a typed passphrase): UTF-8. */
  static fromText(text: string): Secret {
    const own = new Uint8Array(Buffer.byteLength(text));
    new TextEncoder().encodeInto(text, own);
    return new Secret(own);
  }

  get length(): number {
    return this.#bytes.byteLength;
  }

  /** The plain bytes themselves, not a copy: do not keep them, do not change them. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** Equal content, in time that depends on the lengths only. */
  equals(other: Secret): boolean {
    return this.length === other.length && timingSafeEqual(this.#bytes, other.#bytes);
  }

  /** Overwrite with zeros and forget. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#bytes = new Uint8Array(0);
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return `[secret, ${this.length} bytes]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
