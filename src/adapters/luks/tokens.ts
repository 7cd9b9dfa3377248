/**
 * Tokens: which key slot is whose: a LUKS2 token of type `keyward` names a slot and a key's version, or says that the
 * slot is for recovery. Whoever can write the device can change it, so it says nothing that is believed: it finds the
 * slot that is to go once another one has been proven.
 *
 *     {"type": "keyward", "keyslots": ["1"], "key": "disk/db1", "version": "2"}
 *     {"type": "keyward", "keyslots": ["2"], "key": "recovery", "version": "0"}
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

const TYPE = "keyward";
const what = "LUKS2 tokens";
/** The format has no more. */
const MOST = 32;

export function formatToken({ slot, key, version }: Omit<SlotToken, "id">): string {
  return canonicalJson({ type: TYPE, keyslots: [String(slot)], key, version: String(version) });
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

function isOrphan(value: Json): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { type, keyslots } = value as { readonly [name: string]: Json };
  return type === TYPE && Array.isArray(keyslots) && keyslots.length === 0;
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
