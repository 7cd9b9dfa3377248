/**
 * The acts of a torture: what a writer writes, and what must be found afterwards. Writer W's act N puts
 * `a/W/N` and `b/W/N` with the same value, sets `last/W` to N, and deletes the pair that fell out of its
 * window, so that a thousand rounds do not grow the store.
 */
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import type { Store, Transact } from "../../src/store/store.ts";

export const WRITERS = 32;
const WINDOW = 100;

export interface Ack {
  readonly writer: number;
  readonly number: number;
  /** Tells this writing from one of the same number in another round. */
  readonly nonce: string;
}

/** One line, as the child prints it. */
export function formatAck({ writer, number, nonce }: Ack): string {
  return `${writer} ${number} ${nonce}\n`;
}

/** `null` for a line that was cut by the kill. */
export function parseAck(line: string): Ack | null {
  const match = /^(\d+) (\d+) ([0-9a-f]{16})\n$/.exec(line);
  if (match === null) return null;
  return { writer: Number(match[1]), number: Number(match[2]), nonce: match[3] ?? "" };
}

/** Of sizes from a few bytes to several pages. */
function contentOf(number: number, nonce: string): Uint8Array {
  return utf8(`${nonce} `.repeat(1 + (number % 17) * (number % 31)));
}

export function writeOne(transact: Transact, writer: number, nonce: string): Promise<Ack> {
  return transact(async (tx) => {
    const last = await tx.get(`last/${writer}`);
    const number = last === null ? 1 : Number(fromUtf8(last, "last")) + 1;
    const value = contentOf(number, nonce);
    tx.put(`a/${writer}/${number}`, value);
    tx.put(`b/${writer}/${number}`, value);
    tx.put(`last/${writer}`, utf8(String(number)));
    tx.delete(`a/${writer}/${number - WINDOW}`);
    tx.delete(`b/${writer}/${number - WINDOW}`);
    return { writer, number, nonce };
  });
}

/** @throws Error saying what is missing or torn. */
export async function verifyActs(store: Store, acknowledged: readonly Ack[]): Promise<void> {
  const firsts = await valuesUnder(store, "a/");
  const seconds = await valuesUnder(store, "b/");
  const lasts = await valuesUnder(store, "last/");
  const lastOf = (writer: number): number => Number(lasts.get(String(writer)) ?? 0);
  for (const { writer, number, nonce } of acknowledged) {
    const last = lastOf(writer);
    if (last < number)
      throw new Error(`writer ${writer}: act ${number} was acknowledged, the last is ${last}`);
    const found = firsts.get(`${writer}/${number}`);
    if (number > last - WINDOW && found !== text(number, nonce)) {
      throw new Error(`writer ${writer}: act ${number} was acknowledged and is lost`);
    }
  }
  for (let writer = 0; writer < WRITERS; writer++) verifyWindow(writer, lastOf(writer), firsts, seconds);
}

/** Of each writer, exactly the acts of its window are there, and both halves of each agree. */
function verifyWindow(writer: number, last: number, firsts: Values, seconds: Values): void {
  const prefix = `${writer}/`;
  const numbers = [...firsts.keys()].filter((key) => key.startsWith(prefix)).length;
  if (numbers !== Math.min(last, WINDOW)) throw new Error(`writer ${writer}: ${numbers} acts up to ${last}`);
  for (let number = last; number > Math.max(0, last - WINDOW); number--) {
    const first = firsts.get(`${writer}/${number}`);
    if (first === undefined || first !== seconds.get(`${writer}/${number}`)) {
      throw new Error(`writer ${writer}: act ${number} is torn`);
    }
  }
}

type Values = ReadonlyMap<string, string>;

async function valuesUnder(store: Store, prefix: string): Promise<Values> {
  const records = await store.range({ prefix });
  return new Map(records.map(({ key, value }) => [key.slice(prefix.length), fromUtf8(value, key)]));
}

function text(number: number, nonce: string): string {
  return fromUtf8(contentOf(number, nonce), "value");
}
