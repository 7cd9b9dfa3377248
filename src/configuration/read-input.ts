/** Standard input, whole, within a limit: memory is taken as it comes. */
import { readSync } from "node:fs";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { World } from "../command/world.ts";

/** A value: what a key of the store may have. */
export const MAX_VALUE = 1_048_576;
/** Running text. */
export const MAX_DOCUMENT = 67_108_864;

/** @returns What came, which the caller wipes. @throws KeywardError `too-large` */
export async function readInput(
  world: Pick<World, "stdin" | "stdinFd">,
  what: string,
  limit: number,
): Promise<Secret> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const take = (chunk: Uint8Array): void => {
    length += chunk.byteLength;
    chunks.push(chunk);
    if (length > limit) throw new KeywardError("too-large", `${what}: more than ${limit} bytes`);
  };
  const ended = world.stdinFd !== undefined && readDescriptor(world.stdinFd, take);
  if (!ended) for await (const chunk of world.stdin) take(chunk);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
    chunk.fill(0);
  }
  return Secret.take(whole);
}

const CHUNK = 65_536;

/** @returns Whether the end was reached; if not, nothing is there to be read yet, and a stream can wait for it. */
function readDescriptor(fd: number, take: (chunk: Uint8Array) => void): boolean {
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    try {
      const read = readSync(fd, chunk, 0, CHUNK, null);
      if (read === 0) return true;
      take(chunk.subarray(0, read));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EOF") return true;
      if (code === "EAGAIN") return false;
      throw error;
    }
  }
}
