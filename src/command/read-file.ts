/** Small files that a person names: read whole, with a limit, and with an error that says which file and why. */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";

const SMALL = 65_536;

/**
 * @param what - Begins the error's message: `token file`.
 * @throws KeywardError `local` when it cannot be read, `too-large` when it is larger than `limit` bytes.
 */
export function readBytes(file: string, what: string, limit: number): Uint8Array {
  const fd = open(file, what);
  try {
    return readAll(fd, `${what} ${JSON.stringify(file)}`, limit);
  } catch (error) {
    throw error instanceof KeywardError ? error : cannot("read", file, what, error);
  } finally {
    closeSync(fd);
  }
}

/** The PEM blocks of a file, in order. @throws KeywardError `malformed` when there is none. */
export function readPem(file: string): string[] {
  const text = new TextDecoder().decode(readBytes(file, "PEM file", 1_048_576));
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g);
  if (blocks === null)
    throw new KeywardError("malformed", `PEM file ${JSON.stringify(file)}: holds no PEM block`);
  return blocks.map((block) => `${block}\n`);
}

/**
 * A file that protects everything: refused when anyone but its owner may read or change it, as the server
 * refuses it at its start.
 *
 * @throws KeywardError `local`, `too-large`
 */
export function readOwn(file: string, what: string, limit: number): Uint8Array {
  const fd = open(file, what);
  try {
    const mode = fstatSync(fd).mode & 0o777;
    if ((mode & 0o077) !== 0)
      throw new KeywardError(
        "local",
        `${what} ${JSON.stringify(file)}: others may use it (mode ${mode.toString(8).padStart(4, "0")})`,
        { hint: `chmod 600 ${file}` },
      );
    return readAll(fd, `${what} ${JSON.stringify(file)}`, limit);
  } finally {
    closeSync(fd);
  }
}

/**
 * A file with one secret, its last line break taken off. Refused when everybody on the machine may read it.
 *
 * @throws KeywardError `local`, `too-large`
 */
export function readPrivate(file: string, what: string): Secret {
  const fd = open(file, what);
  try {
    if ((fstatSync(fd).mode & 0o007) !== 0)
      throw new KeywardError(
        "local",
        `${what} ${JSON.stringify(file)}: everybody on this machine may read it`,
        {
          hint: `chmod 600 ${file}`,
        },
      );
    const bytes = readAll(fd, `${what} ${JSON.stringify(file)}`, SMALL);
    const secret = Secret.copy(withoutLineBreak(bytes));
    bytes.fill(0);
    return secret;
  } finally {
    closeSync(fd);
  }
}

/** Lines of a long file as they are read. @throws KeywardError `local` */
export async function* linesOf(file: string, what: string): AsyncIterable<string> {
  const { createInterface } = await import("node:readline");
  const input = createReadStream(file);
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw cannot("read", file, what, error);
  }
}

/** Without one line break (LF or CR LF) at the end. */
export function withoutLineBreak(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

function open(file: string, what: string): number {
  try {
    return openSync(file, "r");
  } catch (error) {
    throw cannot("read", file, what, error);
  }
}

function readAll(fd: number, place: string, limit: number): Uint8Array {
  const buffer = new Uint8Array(limit + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  if (length > limit) throw new KeywardError("too-large", `${place}: more than ${limit} bytes`);
  const bytes = buffer.slice(0, length);
  buffer.fill(0);
  return bytes;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "is a directory",
  ENOTDIR: "a part of the path is no directory",
  EEXIST: "exists already",
  ENOSPC: "the disk is full",
  EROFS: "the file system is read-only",
  ELOOP: "is a symbolic link",
};

/** An error of the file system, in words. */
export function cannot(verb: string, file: string, what: string, error: unknown): KeywardError {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return new KeywardError(
    "local",
    `cannot ${verb} ${what} ${JSON.stringify(file)}: ${reasons[code] ?? code}`,
    {
      cause: error,
    },
  );
}
