/**
 * The JSON objects inside the envelopes, as Go reads and writes them: names in any case, unknown members ignored,
 * `null` as good as absent. Two members whose names differ only in case are refused, where Go takes the last.
 */
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { type Json, parseJson } from "../../base/json.ts";
import { MAX_ENVELOPE_LENGTH } from "./envelope-text.ts";

const limits = { size: MAX_ENVELOPE_LENGTH, depth: 8, count: 1024 };

export interface JsonFields {
  has(name: string): boolean;
  /** `null` when absent or null. @throws KeywardError `malformed` when it is no string. */
  string(name: string): string | null;
  /** `null` when absent or null. @throws KeywardError `malformed` when it is no whole number. */
  whole(name: string): number | null;
  /** Objects in an array; `null` when absent or null. @throws KeywardError `malformed` when it is anything else. */
  list(name: string): readonly JsonFields[] | null;
}

/** @param what - Names the place in errors. @throws KeywardError `malformed`, `too-large` */
export function parseJsonFields(bytes: Uint8Array, what: string): JsonFields {
  return fieldsOf(parseJson(fromUtf8(bytes, what), what, limits), what);
}

function fieldsOf(value: Json, what: string): JsonFields {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new KeywardError("malformed", `${what}: not a JSON object`);
  const members = new Map<string, Json>();
  for (const [name, member] of Object.entries(value)) {
    const folded = fold(name);
    if (members.has(folded)) throw new KeywardError("malformed", `${what}: two members of one name`);
    members.set(folded, member);
  }
  const read = (name: string): Json => members.get(fold(name)) ?? null;
  return {
    has: (name) => members.has(fold(name)),
    string: (name) => {
      const member = read(name);
      if (member === null || typeof member === "string") return member;
      throw new KeywardError("malformed", `${what}: ${name} is not a string`);
    },
    whole: (name) => {
      const member = read(name);
      if (member === null || Number.isSafeInteger(member)) return member as number | null;
      throw new KeywardError("malformed", `${what}: ${name} is not a whole number`);
    },
    list: (name) => {
      const member = read(name);
      if (member === null) return null;
      if (Array.isArray(member)) return member.map((one) => fieldsOf(one, `${what}: ${name}`));
      throw new KeywardError("malformed", `${what}: ${name} is not a list`);
    },
  };
}

function fold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** A string as Go's encoder writes it: also `<`, `>`, `&` and the two line separators as `\u` escapes. */
export function goString(text: string): string {
  const json = JSON.stringify(text.toWellFormed());
  return json.replace(/\\.|[<>&\u2028\u2029]/gs, (found) => {
    if (found === "\\b") return "\\u0008";
    if (found === "\\f") return "\\u000c";
    return found.length === 1 ? `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}` : found;
  });
}
