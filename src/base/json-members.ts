/** Reads the members of JSON from outside, each by the kind of value that it must be. */
import { KeywardError } from "./errors.ts";
import type { Json } from "./json.ts";

export interface MemberReader {
  object(value: Json | undefined, name: string): { readonly [name: string]: Json };
  string(value: Json | undefined, name: string): string;
  /** At least one, each of them a string. */
  strings(value: Json | undefined, name: string): string[];
  list(value: Json | undefined, name: string): readonly Json[];
  whole(value: Json | undefined, name: string, least: number, most: number): number;
  oneOf<const T extends string>(value: Json | undefined, name: string, choices: readonly T[]): T;
  /** The error that all of them throw. */
  wrong(name: string): KeywardError;
}

/**
 * @param what - Begins each message: `offline bundle: entry`. The messages name a member and never its value.
 * @returns Readers that throw KeywardError `malformed`.
 */
export function memberReader(what: string): MemberReader {
  const wrong = (name: string): KeywardError =>
    new KeywardError("malformed", `${what}: ${name} is not as it should be`);
  const list = (value: Json | undefined, name: string): readonly Json[] => {
    if (!Array.isArray(value)) throw wrong(name);
    return value;
  };
  const string = (value: Json | undefined, name: string): string => {
    if (typeof value !== "string") throw wrong(name);
    return value;
  };
  return {
    wrong,
    list,
    string,
    object(value, name) {
      if (value === null || typeof value !== "object" || Array.isArray(value)) throw wrong(name);
      return value;
    },
    strings(value, name) {
      const texts = list(value, name).map((one) => string(one, name));
      if (texts.length === 0) throw wrong(name);
      return texts;
    },
    whole(value, name, least, most) {
      if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || value > most)
        throw wrong(name);
      return value;
    },
    oneOf(value, name, choices) {
      const found = choices.find((choice) => choice === value);
      if (found === undefined) throw wrong(name);
      return found;
    },
  };
}
