/**
 * Tokens: which key slot is whose: a LUKS2 token of type `keyward` names a slot and a key's version, or says that the
 * slot is for recovery. Whoever can write the device can change it, so it says nothing that is believed: it finds the
 * slot that is to go once another one has been proven.
 *
 *     {"type": "keyward", "keyslots": ["1"], "key": "disk/db1", "version": "2"}
 *     {"type": "keyward", "keyslots": ["2"], "key": "recovery", "version": "0"}
 *     {"type": "keyward", "keyslots": [], "key": "recovery", "version": "2", "slot": "31", "id": "2135413b0e9f8a31"}
 *
 * The last is an intent: a recovery key is about to get this slot. It is written before the slot is filled, so that a
 * slot whose making was cut off is found again. A recovery key's version is its generation; 0 is one made by hand, or
 * one that was used.
 *
 * Source: LUKS2 On-Disk Format Specification 1.1, section 3.5.
 */
import { KeywardError } from "../../base/errors.ts";
import { canonicalJson, type Json, parseJson } from "../../base/json.ts";
import { memberReader } from "../../base/json-members.ts";

export interface SlotToken {
  readonly id: number;
  readonly slot: number;
  /** A key's name, or `recovery`, which is none. */
  readonly key: string;
  readonly version: number;
}

/** An intent for a slot, and which key is to get it. */
export interface SlotIntent {
  readonly id: number;
  readonly slot: number;
  readonly generation: number;
  /** Names the recovery key: 16 hexadecimal digits. */
  readonly key: string;
}

/** Whose a slot is that no server's key opens. */
export const RECOVERY = "recovery";
const TYPE = "keyward";
const what = "LUKS2 tokens";
/** The format has no more. */
const MOST = 32;

export function formatToken({ slot, key, version }: Omit<SlotToken, "id">): string {
  return canonicalJson({ type: TYPE, keyslots: [String(slot)], key, version: String(version) });
}

export function formatIntent({ slot, generation, key }: Omit<SlotIntent, "id">): string {
  const text = { version: String(generation), slot: String(slot), id: key };
  return canonicalJson({ type: TYPE, keyslots: [], key: RECOVERY, ...text });
}

/** In order of id. @throws KeywardError as `readTokens` */
export function readIntents(metadata: string): SlotIntent[] {
  return readAll(metadata)
    .flatMap(([id, token]) => readIntent(id, token) ?? [])
    .sort((a, b) => a.id - b.id);
}

/**
 * @param metadata - As `luksDump --dump-json-metadata` has it.
 * @returns Those of our type that are as we write them, in order of id; others are somebody else's.
 * @throws KeywardError `malformed`, `too-large`
 */
export function readTokens(metadata: string): SlotToken[] {
  return readAll(metadata)
    .flatMap(([id, token]) => readOne(id, token) ?? [])
    .sort((a, b) => a.id - b.id);
}

/**
 * Cryptsetup leaves the token of a slot that is removed, with no slot in it; it takes the place of another one.
 *
 * @returns The ids of ours. @throws KeywardError as `readTokens`
 */
export function readOrphans(metadata: string): number[] {
  return readAll(metadata).flatMap(([id, token]) => (isNumeral(id) && isOrphan(token) ? [Number(id)] : []));
}

/**
 * Of slots that somebody else opens: `systemd-tpm2`, `clevis` and the like (systemd-cryptenroll(1), clevis-luks-bind(1)).
 *
 * @returns The types, each once, in order. @throws KeywardError as `readTokens`
 */
export function readStrangers(metadata: string): string[] {
  const types = readAll(metadata).flatMap(([, value]) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    const { type, keyslots } = value as { readonly [name: string]: Json };
    if (typeof type !== "string" || type === TYPE || !Array.isArray(keyslots)) return [];
    return keyslots.length > 0 && /^[A-Za-z0-9_.-]{1,64}$/.test(type) ? [type] : [];
  });
  return [...new Set(types)].sort();
}

function isOrphan(value: Json): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { type, keyslots, slot } = value as { readonly [name: string]: Json };
  return type === TYPE && Array.isArray(keyslots) && keyslots.length === 0 && slot === undefined;
}

function readIntent(id: string, value: Json): SlotIntent | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { type, keyslots, slot, version, id: key } = value as { readonly [name: string]: Json };
  if (type !== TYPE || !Array.isArray(keyslots) || keyslots.length !== 0) return null;
  if (!isNumeral(id) || !isNumeral(slot) || !isNumeral(version)) return null;
  if (typeof key !== "string" || !/^[0-9a-f]{16}$/.test(key)) return null;
  return { id: Number(id), slot: Number(slot), generation: Number(version), key };
}

function readAll(metadata: string): [string, Json][] {
  const is = memberReader(what);
  const root = is.object(
    parseJson(metadata, what, { size: 4_194_304, depth: 16, count: 50_000 }),
    "its root",
  );
  const tokens = Object.entries(is.object(root.tokens ?? {}, "tokens"));
  if (tokens.length > MOST) throw new KeywardError("too-large", `${what}: more than ${MOST}`);
  return tokens;
}

function readOne(id: string, value: Json): SlotToken | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { type, keyslots, key, version } = value as { readonly [name: string]: Json };
  if (type !== TYPE || !Array.isArray(keyslots) || keyslots.length !== 1) return null;
  const [slot] = keyslots;
  if (
    typeof key !== "string" ||
    key.length > 512 ||
    !isNumeral(id) ||
    !isNumeral(slot) ||
    !isNumeral(version)
  )
    return null;
  return { id: Number(id), slot: Number(slot), key, version: Number(version) };
}

function isNumeral(text: unknown): text is string {
  return typeof text === "string" && /^(?:0|[1-9][0-9]{0,8})$/.test(text);
}
