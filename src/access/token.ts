/**
 * Token: what an operator signs in with, and what is kept of it.
 *
 *     kwt_<id>_<secret>   id: 16 hex digits; secret: 32 random bytes in base64url
 *
 * Only SHA-256 of the secret is kept: 256 random bits need no slow hash.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { toBase64Url, toHex } from "../base/bytes.ts";
import type { UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { createTable } from "../store/table.ts";

export interface TokenRow {
  readonly id: string;
  /** The operator's name. */
  readonly name: string;
  /** Names of rules: what they allow is looked up at each use. */
  readonly rules: readonly string[];
  /** SHA-256 of the secret's text, lower-case hex. */
  readonly hash: string;
  readonly created: UnixMs;
  readonly expires: UnixMs;
  /** Who made it, as events name it. */
  readonly by: string;
  /** To the minute. */
  readonly lastUsed?: UnixMs;
}

/** What may be shown of a token. */
export type TokenInfo = Omit<TokenRow, "hash">;

export const tokens = createTable<TokenRow>("tokens/", (row) => row.id);

export function makeToken(random: Random): { id: string; text: string; hash: string } {
  const id = toHex(random(8));
  const secret = toBase64Url(random(32));
  return { id, text: `kwt_${id}_${secret}`, hash: hash("sha256", secret, "hex") };
}

/** @returns `null` when it is not a token's text. */
export function parseToken(text: string): { readonly id: string; readonly hash: string } | null {
  const match = text.length > 128 ? null : /^kwt_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  return { id: match[1], hash: hash("sha256", match[2], "hex") };
}

/** In a time that does not tell where they differ. Both are SHA-256 in hex. */
export function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

export function infoOf({ hash: _, ...info }: TokenRow): TokenInfo {
  return info;
}
