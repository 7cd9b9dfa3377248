/** Secrets from standard input, a file or the terminal, within a limit. */
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { readBytes, withoutLineBreak } from "./read-file.ts";
import type { Source, World } from "./world.ts";

export interface Wanted {
  /** Begins the error's message. */
  readonly what: string;
  /** Bytes. */
  readonly limit: number;
  /** Leave out one line break at the end. */
  readonly chomp: boolean;
}

/**
 * @param file - Absent or `-`: standard input.
 * @throws KeywardError `local`, `too-large`
 */
export async function readSecret(
  world: Pick<World, "stdin" | "cwd">,
  file: string | undefined,
  { what, limit, chomp }: Wanted,
): Promise<Secret> {
  const bytes =
    file === undefined || file === "-"
      ? await readStream(world.stdin, what, limit)
      : readBytes(path.resolve(world.cwd, file), what, limit);
  const secret = Secret.copy(chomp ? withoutLineBreak(bytes) : bytes);
  bytes.fill(0);
  return secret;
}

async function readStream(source: Source, what: string, limit: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(limit);
  let length = 0;
  for await (const chunk of source) {
    if (length + chunk.byteLength > limit) {
      buffer.fill(0);
      throw new KeywardError("too-large", `${what}: more than ${limit} bytes`);
    }
    buffer.set(chunk, length);
    length += chunk.byteLength;
    chunk.fill(0);
  }
  return buffer.subarray(0, length);
}

/** Typed twice at the terminal, because a slip cannot be seen. @throws KeywardError `usage` */
export async function askTwice(world: Pick<World, "askSecret">, what: string): Promise<Secret> {
  const first = await world.askSecret(`${what}: `);
  using second = await world.askSecret(`${what}, again: `);
  if (first.length === 0) throw new KeywardError("usage", `the ${what} is empty`);
  if (!first.equals(second)) {
    first.wipe();
    throw new KeywardError("usage", `the two ${what}s differ`);
  }
  return first;
}
