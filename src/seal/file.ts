/**
 * The key-file seal: a file of any text or bytes that holds enough randomness, made by
 * `openssl rand -base64 2048` say. It is read as KeyMaster and Chef read their secret files
 * (`base/secret-file.ts`).
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { fields } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { stripSecretFile } from "../base/secret-file.ts";
import { hkdf } from "../crypto/hkdf.ts";
import { ownBytes } from "../crypto/memory.ts";
import { printable } from "../model/name.ts";

export const MAX_KEY_FILE = 65_536;

const makeOne = "make one with: openssl rand -base64 32";

/**
 * @returns What the file holds, stripped; the caller wipes it.
 * @throws KeywardError `local` when it cannot be read, is no plain file, or others than its owner may read or
 *   change it; `usage` when nothing is left after stripping; `too-large` over 64 KiB.
 */
export async function readKeyFile(path: string): Promise<Secret> {
  const what = `key file ${printable(path)}`;
  const file = await openFile(path, what);
  try {
    await assertOwnersOnly(file, path, what);
    return stripKeyFile(await readAll(file, what), what);
  } finally {
    await file.close();
  }
}

/**
 * @param content - Taken over: it is wiped.
 * @throws KeywardError `usage` when nothing is left.
 */
export function stripKeyFile(content: Secret, what = "key file"): Secret {
  using whole = content;
  const inner = stripSecretFile(whole.reveal());
  if (inner.byteLength === 0) throw new KeywardError("usage", `${what}: is empty`, { hint: makeOne });
  return Secret.copy(inner);
}

/**
 * Is this hard enough to guess to protect everything? For a new seal only. There is no stretching, so what
 * people think up does not do.
 *
 * @param content - Stripped.
 * @throws KeywardError `usage`
 */
export function assertHardToGuess(content: Secret): void {
  const bytes = content.reveal();
  const refuse = (why: string): KeywardError =>
    new KeywardError("usage", `key file: ${why}`, { hint: `${makeOne}, or use a passphrase seal` });
  if (bytes.byteLength < 24) throw refuse("is shorter than 24 bytes");
  if (informationIn(bytes) < 80) throw refuse("repeats itself too much");
  if (bytes.byteLength < 128 && looksLikeWords(bytes)) throw refuse("looks like words, which can be guessed");
}

/**
 * HKDF-SHA-256 (RFC 5869).
 *
 * @param salt - 16 random bytes, stored.
 */
export function deriveFromFile(content: Secret, salt: Uint8Array, length: number): Secret {
  using own = stripKeyFile(Secret.copy(content.reveal()));
  return Secret.take(hkdf(own.reveal(), salt, fields("keyward/v1/seal/file"), length));
}

async function openFile(path: string, what: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new KeywardError("local", `${what}: cannot be read (${code})`);
  }
}

async function assertOwnersOnly(file: FileHandle, path: string, what: string): Promise<void> {
  const stat = await file.stat();
  if (!stat.isFile()) throw new KeywardError("local", `${what}: is not a file`);
  if (stat.size > MAX_KEY_FILE) throw tooLarge(what);
  if ((stat.mode & 0o077) === 0) return;
  const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
  throw new KeywardError("local", `${what}: others may use it (mode ${mode})`, {
    hint: `run: chmod 600 ${printable(path)}`,
  });
}

/** Into memory of our own: what `readFile` returns may lie in a pool. */
async function readAll(file: FileHandle, what: string): Promise<Secret> {
  using whole = Secret.take(ownBytes(MAX_KEY_FILE + 1));
  const bytes = whole.reveal();
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.byteLength - length, length);
    length += bytesRead;
    if (length > MAX_KEY_FILE) throw tooLarge(what);
    if (bytesRead === 0) return Secret.copy(bytes.subarray(0, length));
  }
}

function tooLarge(what: string): KeywardError {
  return new KeywardError("too-large", `${what}: more than ${MAX_KEY_FILE} bytes`);
}

/** Bits, by how often each byte occurs (Shannon): an upper bound that finds repetition, not meaning. */
function informationIn(bytes: Uint8Array): number {
  const counts = new Map<number, number>();
  for (const byte of bytes) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / bytes.byteLength);
  return bits;
}

/** Letters, blanks and the marks of a sentence, and no digit: hardly a random string in any usual encoding. */
function looksLikeWords(bytes: Uint8Array): boolean {
  return bytes.every((byte) => /[A-Za-z\s.,;:'"!?_-]/.test(String.fromCharCode(byte)));
}
