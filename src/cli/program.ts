/** A program with its arguments, typed as one word: a JSON list, because a line would have to be cut by rules of a shell. */
import { KeywardError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { printable } from "../model/name.ts";

/** @throws KeywardError `usage` */
export function parseProgram(text: string): string[] {
  const json = text.startsWith("[") ? parseJson(text, "program") : null;
  if (Array.isArray(json) && json.length > 0 && json.every((word) => typeof word === "string"))
    return json as string[];
  throw new KeywardError("usage", `program ${printable(text)}: want a JSON list of its words`, {
    hint: `as '["systemctl","reload","nginx"]'`,
  });
}
