/** Standard input, whole, within a limit: memory is taken as it comes. */
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { World } from "../world.ts";

/** A value: what a key of the store may have. */
export const MAX_VALUE = 1_048_576;
/** Running text. */
export const MAX_DOCUMENT = 67_108_864;

/** @returns What came, which the caller wipes. @throws KeywardError `too-large` */
export async function readInput(
  { stdin }: Pick<World, "stdin">,
  what: string,
  limit: number,
): Promise<Secret> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    length += chunk.byteLength;
    chunks.push(chunk);
    if (length > limit) throw new KeywardError("too-large", `${what}: more than ${limit} bytes`);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
    chunk.fill(0);
  }
  return Secret.take(whole);
}
