/**
 * What one client of the server torture does: one act after the other on keys, grants and a node of its own, so
 * that after a kill the server must be where the last acknowledged act left it, or one act further.
 *
 *     torture/ROUND/WRITER/stored      put, with and without compare-and-set; read
 *     torture/ROUND/WRITER/made        generated, then rotated
 *     a grant of the stored key        added, then removed
 *     node wWRITER                     two attributes set in one act
 */
import { randomBytes } from "node:crypto";
import type { Api } from "../../src/api/api.ts";
import { isKeywardError } from "../../src/base/errors.ts";

export const WRITERS = 32;

/** `value`: base64; `null` when the server makes it. */
export interface Wrote {
  readonly kind: "wrote";
  readonly key: string;
  readonly value: string | null;
}

type Act =
  | Wrote
  | { readonly kind: "read"; readonly key: string }
  | { readonly kind: "granted"; readonly key: string; readonly path: string }
  | { readonly kind: "ungranted"; readonly grant: string }
  | { readonly kind: "set"; readonly number: number };

/** An act that was acknowledged, with what the answer said. */
export type Ack = Act & { readonly writer: number; readonly version?: number; readonly grant?: string };

/** What one writer did in one round. */
export interface Book {
  readonly writer: number;
  readonly round: number;
  readonly done: Ack[];
  /** Sent, not answered yet: the kill may come before or after its commit. */
  underWay: Act | null;
}

export function openBook(writer: number, round: number): Book {
  return { writer, round, done: [], underWay: null };
}

export function prefixOf(round: number): string {
  return `torture/${String(round).padStart(4, "0")}/`;
}

export function keysOf({ writer, round }: Pick<Book, "writer" | "round">): { stored: string; made: string } {
  const under = `${prefixOf(round)}${nodeOf(writer)}`;
  return { stored: `${under}/stored`, made: `${under}/made` };
}

export function nodeOf(writer: number): string {
  return `w${String(writer).padStart(2, "0")}`;
}

/** Attributes that one act sets together. */
export function attributesOf(round: number, number: number): Record<string, string> {
  return { first: `${round}/${number}`, second: `${round}/${number}` };
}

/**
 * Act until the server is gone.
 *
 * @param onAck - Called after each acknowledged act.
 * @throws Whatever the server refuses.
 */
export async function keepWriting(api: Api, book: Book, onAck: () => void): Promise<void> {
  for (let number = 0; ; number++) {
    const act = actOf(book, number);
    book.underWay = act;
    try {
      book.done.push({ ...act, ...(await perform(api, book, act)), writer: book.writer });
    } catch (error) {
      if (isKeywardError(error, "unreachable")) return;
      throw error;
    }
    book.underWay = null;
    onAck();
  }
}

/** Puts mostly, of which the first come soon; the others in turn. */
function actOf(book: Book, number: number): Act {
  const { stored, made } = keysOf(book);
  switch ((number + book.writer) % 9) {
    case 2:
    case 6:
      return { kind: "wrote", key: made, value: null };
    case 4:
      return { kind: "set", number };
    case 5:
      return hasWritten(book, stored) ? { kind: "read", key: stored } : { kind: "set", number };
    case 3:
    case 7:
      return grantAct(book, number, stored);
    default:
      return { kind: "wrote", key: stored, value: randomValue(number) };
  }
}

/** Of sizes from 16 bytes to some 12 kB. */
function randomValue(number: number): string {
  return randomBytes(16 * (1 + (number % 13) * (number % 61))).toString("base64");
}

function grantAct(book: Book, number: number, key: string): Act {
  const held = heldGrant(book);
  if (held !== undefined) return { kind: "ungranted", grant: held };
  if (!hasWritten(book, key)) return { kind: "set", number };
  return { kind: "granted", key, path: `${book.round}/${number}.key` };
}

function hasWritten({ done }: Book, key: string): boolean {
  return done.some((ack) => ack.kind === "wrote" && ack.key === key);
}

/** The grant of this round that was added and not removed since. */
export function heldGrant({ done }: Pick<Book, "done">): string | undefined {
  const last = done.findLast((ack) => ack.kind === "granted" || ack.kind === "ungranted");
  return last?.kind === "granted" ? last.grant : undefined;
}

async function perform(api: Api, book: Book, act: Act): Promise<{ version?: number; grant?: string }> {
  switch (act.kind) {
    case "wrote":
      return { version: await write(api, book, act) };
    case "read":
      await api.call("key.get", { path: { name: act.key } });
      return {};
    case "granted": {
      const delivery = { kind: "file", path: act.path, mode: 0o400, offline: "never" } as const;
      const body = { key: act.key, query: `name:${nodeOf(book.writer)}`, delivery };
      return { grant: (await api.call("grant.add", { body })).grant.id };
    }
    case "ungranted":
      await api.call("grant.remove", { path: { id: act.grant } });
      return {};
    case "set": {
      const attributes = attributesOf(book.round, act.number);
      await api.call("node.set", { path: { name: nodeOf(book.writer) }, body: { attributes } });
      return {};
    }
  }
}

async function write(api: Api, book: Book, { key, value }: Wrote): Promise<number> {
  const path = { name: key };
  const before = book.done.filter((ack) => ack.kind === "wrote" && ack.key === key).length;
  const expected = before;
  if (value !== null) {
    const body = before % 2 === 0 ? { value, expected } : { value };
    return (await api.call("key.put", { path, body })).version;
  }
  if (before > 0) return (await api.call("key.rotate", { path, body: { expected } })).version;
  const recipe = { kind: "random", bytes: 24, encoding: "hex" } as const;
  return (await api.call("key.generate", { path, body: { recipe, expected } })).version;
}
