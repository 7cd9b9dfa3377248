/**
 * Header: what a LUKS2 volume says of itself to anyone: `cryptsetup luksDump --dump-json-metadata`. Nothing in it is
 * authenticated; who can write the device can change it.
 *
 * Source: LUKS2 On-Disk Format Specification 1.1, sections 3.1 to 3.3.
 */
import { KeywardError } from "../../base/errors.ts";
import { type Json, parseJson } from "../../base/json.ts";
import { memberReader } from "../../base/json-members.ts";

/** A LUKS2 header has no more. */
export const SLOTS = 32;

export interface Slot {
  readonly number: number;
  /** How a key becomes the slot's: `pbkdf2` with few rounds suits a random key, and no other. */
  readonly kdf: "pbkdf2" | "argon2i" | "argon2id";
}

const what = "LUKS2 metadata";
const is = memberReader(what);

/**
 * @returns Those that a key may open, in the order of their numbers.
 * @throws KeywardError `malformed`, `too-large`
 */
export function readSlots(metadata: string): Slot[] {
  const slots = Object.entries(is.object(rootOf(metadata).keyslots, "keyslots"));
  if (slots.length > SLOTS) throw new KeywardError("too-large", `${what}: more than ${SLOTS} key slots`);
  return slots.flatMap(([number, slot]) => readSlot(number, slot) ?? []).sort((a, b) => a.number - b.number);
}

/**
 * Is it on the way to another volume key? Then it opens, but takes no change until that is done.
 *
 * @throws KeywardError as `readSlots`
 */
export function readReencryption(metadata: string): boolean {
  const { requirements } = is.object(rootOf(metadata).config ?? {}, "config");
  const { mandatory } = is.object(requirements ?? {}, "requirements");
  return Array.isArray(mandatory) && mandatory.some((one) => /^(?:on|off)line-reencrypt/.test(String(one)));
}

const rootOf = (metadata: string) =>
  is.object(parseJson(metadata, what, { size: 4_194_304, depth: 16, count: 50_000 }), "its root");

/** @returns `null` when it holds no key but how far a reencryption has come. */
function readSlot(number: string, value: Json): Slot | null {
  if (!/^(?:0|[1-9][0-9]?)$/.test(number)) throw is.wrong("a key slot's number");
  const slot = is.object(value, "a key slot");
  if (slot.type === "reencrypt") return null;
  const kdf = is.object(slot.kdf, "kdf");
  return {
    number: is.whole(Number(number), "a key slot's number", 0, SLOTS - 1),
    kdf: is.oneOf(kdf.type, "kdf.type", ["pbkdf2", "argon2i", "argon2id"]),
  };
}

/** The first. @throws KeywardError `conflict` when all are in use. */
export function freeSlot(slots: readonly Slot[], what: string): number {
  return freeSlots(slots, what)[0] ?? 0;
}

/** @throws KeywardError `conflict` when all are in use. */
export function lastFreeSlot(slots: readonly Slot[], what: string): number {
  return freeSlots(slots, what).at(-1) ?? 0;
}

/** @throws KeywardError `conflict` when there are none. */
export function freeSlots(slots: readonly Slot[], what: string): number[] {
  const used = new Set(slots.map(({ number }) => number));
  const free = Array.from({ length: SLOTS }, (_, number) => number).filter((number) => !used.has(number));
  if (free.length > 0) return free;
  throw new KeywardError("conflict", `${what}: all ${SLOTS} key slots are in use`, {
    hint: "remove one that no longer serves",
  });
}
