/**
 * Seed share v1: one of several parts of a seed, as text that can be printed and typed again. Fewer than the
 * threshold tell nothing of the seed.
 *
 *     KEYWARD SEED SHARE 1
 *     seed: 2135413b0e9f8a31           the seed's id
 *     scheme: keyward-1
 *     generation: 1
 *     split: 5f0c1b2a9d3e4f60          random: which shares belong together
 *     share: 2 of 5
 *     threshold: 3
 *     9f3a 11c0 77de …                 the share in hexadecimal, in groups of 4 digits, 8 groups a line
 *     check: 0123456789abcdef          the first 8 bytes of SHA-256 of all before this line
 *
 * Each line ends with LF. A reader takes CR LF and blanks at a line's end as well, since people copy it. The share's
 * last byte is its coordinate, the others one value for each byte of the seed (Shamir 1979, over GF(2^8)).
 *
 * Page: docs/formats/seed.md. Vectors: test/vectors/seed/shares.json.
 */
import { timingSafeEqual } from "node:crypto";
import { concat, toHex, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { sha256 } from "../../crypto/hash.ts";
import { ownBytes } from "../../crypto/memory.ts";
import type { Scheme } from "../../model/realm.ts";
import { encodeHex } from "../armor.ts";

export interface SeedShare {
  /** The seed's id, 16 hexadecimal digits. */
  readonly seed: string;
  readonly scheme: Scheme;
  readonly generation: number;
  /** Shares of one splitting have the same: 16 hexadecimal digits. */
  readonly split: string;
  /** From 1 to `count`. */
  readonly index: number;
  /** 2 to 255. */
  readonly count: number;
  /** How many give the seed: 2 to `count`. */
  readonly threshold: number;
  /** The seed's length and one byte. */
  readonly data: Secret;
}

export const MAX_SHARES = 255;
/** gokey material of 1 MiB and 28 bytes, in hexadecimal with blanks. */
export const MAX_SHARE_BYTES = 2_700_000;
const TITLE = "KEYWARD SEED SHARE 1";
const GROUPS = 8;
const LF = 0x0a;
const BLANK = 0x20;

/** @returns ASCII, which the caller wipes. */
export function formatShare({ seed, scheme, generation, split, ...share }: SeedShare): Secret {
  const head = [
    TITLE,
    `seed: ${seed}`,
    `scheme: ${scheme}`,
    `generation: ${generation}`,
    `split: ${split}`,
    `share: ${share.index} of ${share.count}`,
    `threshold: ${share.threshold}`,
  ];
  using data = Secret.take(inGroups(share.data.reveal()));
  using body = Secret.take(concat(utf8(`${head.join("\n")}\n`), data.reveal()));
  return Secret.take(concat(body.reveal(), utf8(`check: ${checkOf(body.reveal())}\n`)));
}

/**
 * @param what - Names it in errors: the file.
 * @throws KeywardError `malformed` when it is no share; `integrity` when its check does not fit; `too-large`.
 */
export function parseShare(text: Uint8Array, what: string): SeedShare {
  const refuse = (why: string): KeywardError => new KeywardError("malformed", `${what}: ${why}`);
  if (text.length > MAX_SHARE_BYTES) throw new KeywardError("too-large", `${what}: too long for a share`);
  const lines = linesOf(text);
  if (lines.length < 9 || textOf(lines[0]) !== TITLE) throw refuse("not a share of a seed");
  const [, seed, scheme, generation, split, share, threshold] = lines.slice(0, 7).map(textOf);
  const data = lines.slice(7, -1);
  using body = Secret.take(concat(...lines.slice(0, -1).flatMap((line) => [line, Uint8Array.of(LF)])));
  const check = /^check: ([0-9a-f]{16})$/.exec(textOf(lines.at(-1)))?.[1];
  if (check === undefined) throw refuse("its last line is not the check");
  if (!timingSafeEqual(utf8(check), utf8(checkOf(body.reveal()))))
    throw new KeywardError("integrity", `${what}: the check does not fit: a character of it is wrong`, {
      hint: "compare it with the original, character by character",
    });
  const [, index, count] = /^share: ([1-9]\d{0,2}) of ([1-9]\d{0,2})$/.exec(share ?? "") ?? [];
  const parsed = {
    seed: /^seed: ([0-9a-f]{16})$/.exec(seed ?? "")?.[1],
    scheme: /^scheme: (keyward-1|gokey-0\.1|gokey-0\.2)$/.exec(scheme ?? "")?.[1] as Scheme | undefined,
    generation: Number(/^generation: ([1-9]\d{0,9})$/.exec(generation ?? "")?.[1]),
    split: /^split: ([0-9a-f]{16})$/.exec(split ?? "")?.[1],
    index: Number(index),
    count: Number(count),
    threshold: Number(/^threshold: ([1-9]\d{0,2})$/.exec(threshold ?? "")?.[1]),
  };
  if (parsed.seed === undefined || parsed.scheme === undefined || parsed.split === undefined)
    throw refuse("its head is broken");
  const { seed: id, scheme: known, split: set } = parsed;
  const inBounds =
    parsed.generation <= 0xffff_ffff &&
    parsed.count <= MAX_SHARES &&
    parsed.index <= parsed.count &&
    parsed.threshold >= 2 &&
    parsed.threshold <= parsed.count;
  if (!inBounds) throw refuse("its numbers are out of bounds");
  return { ...parsed, seed: id, scheme: known, split: set, data: fromGroups(data, refuse) };
}

/** `9f3a 11c0 …`, 8 groups of 4 digits a line. */
function inGroups(bytes: Uint8Array): Uint8Array {
  using digits = Secret.take(encodeHex(bytes));
  const groups = Math.ceil(digits.length / 4);
  const out = ownBytes(digits.length + groups);
  for (let group = 0, at = 0; group < groups; group++) {
    const part = digits.reveal().subarray(group * 4, group * 4 + 4);
    out.set(part, at);
    at += part.length;
    out[at++] = group % GROUPS === GROUPS - 1 || group === groups - 1 ? LF : BLANK;
  }
  return out;
}

function fromGroups(lines: readonly Uint8Array[], refuse: (why: string) => KeywardError): Secret {
  const digits = lines.reduce((sum, line) => sum + line.filter((byte) => byte !== BLANK).length, 0);
  const bytes = ownBytes(digits >> 1);
  let at = 0;
  for (const byte of lines.flatMap((line) => [...line])) {
    if (byte === BLANK) continue;
    const value =
      byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
    if (value < 0) throw refuse("its data is not hexadecimal");
    bytes[at >> 1] = ((bytes[at >> 1] ?? 0) << 4) | value;
    at++;
  }
  const data = Secret.take(bytes);
  using again = Secret.take(inGroups(data.reveal()));
  const same = Buffer.from(concat(...lines.flatMap((line) => [line, Uint8Array.of(LF)]))).equals(
    again.reveal(),
  );
  if (data.length < 33 || !same) throw refuse("its data is broken");
  return data;
}

/** Without the blanks at their ends; the empty ones before and after are left out. */
function linesOf(text: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start <= text.length; ) {
    const found = text.indexOf(LF, start);
    const end = found < 0 ? text.length : found;
    let last = end;
    while (last > start && [BLANK, 0x09, 0x0d].includes(text[last - 1] ?? 0)) last--;
    lines.push(text.subarray(start, last));
    start = end + 1;
  }
  while (lines.at(-1)?.length === 0) lines.pop();
  while (lines[0]?.length === 0) lines.shift();
  return lines;
}

function textOf(line: Uint8Array | undefined): string {
  return Buffer.from(line ?? []).toString("latin1");
}

function checkOf(body: Uint8Array): string {
  return toHex(sha256(body).subarray(0, 8));
}
