/**
 * Passwords from a stream: characters drawn one by one, and the whole string thrown away until it has
 * enough of each class.
 *
 * Source: gokey, password.go. Vectors: test/vectors/gokey/pass.json.
 */
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Stream } from "../../crypto/stream.ts";

export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_LENGTH = 65_536;

/** The order is the format; the zero is the last digit. */
const alphabet = new TextEncoder().encode(
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890`~!@#$%^&*()-_=+[{]}\\|;:'\",<.>/?",
);
/** A byte from here on is thrown away: 2 × 94, so that each character has two bytes. */
const REJECT = alphabet.length * 2;
const least = { lower: 3, upper: 3, digit: 1, special: 1 };

/** @throws KeywardError `usage` for a length below 8, with which gokey finds no password. */
export function readPassword(stream: Stream, length: number): Secret {
  if (!Number.isInteger(length) || length < MIN_PASSWORD_LENGTH || length > MAX_PASSWORD_LENGTH) {
    throw new KeywardError(
      "usage",
      `password length ${length}: want ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH}`,
    );
  }
  const characters = new Uint8Array(length);
  const bytes = bytesOf(stream);
  do {
    for (let i = 0; i < length; i++) characters[i] = readCharacter(bytes);
  } while (!isAcceptable(characters));
  return Secret.take(characters);
}

/** The stream byte by byte, read a block at a time. */
function bytesOf(stream: Stream): () => number {
  let block: Uint8Array = new Uint8Array(0);
  let at = 0;
  return () => {
    if (at === block.length) [block, at] = [stream.read(256), 0];
    return block[at++] as number;
  };
}

function readCharacter(next: () => number): number {
  let byte = next();
  while (byte >= REJECT) byte = next();
  return alphabet[byte >> 1] as number;
}

function isAcceptable(characters: Uint8Array): boolean {
  const count = { lower: 0, upper: 0, digit: 0, special: 0 };
  for (const c of characters) count[classOf(c)]++;
  return (
    count.lower >= least.lower &&
    count.upper >= least.upper &&
    count.digit >= least.digit &&
    count.special >= least.special
  );
}

function classOf(c: number): keyof typeof least {
  if (c >= 0x61 && c <= 0x7a) return "lower";
  if (c >= 0x41 && c <= 0x5a) return "upper";
  return c >= 0x30 && c <= 0x39 ? "digit" : "special";
}
