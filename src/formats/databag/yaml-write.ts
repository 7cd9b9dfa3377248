/**
 * YAML for version 0: one line in flow style, which Psych, old and new, reads as the same value. Strings are always in
 * double quotes, so that none of them can be taken for something else.
 */
import type { ExactJson } from "../../base/exact-json.ts";
import { rubyFloat } from "../../base/exact-json-text.ts";

/** Keys beyond this must be marked (YAML 1.1, 7.4.2): libyaml looks 1,024 characters ahead for the colon. */
const LONGEST_SIMPLE_KEY = 256;

export function writeYaml(value: ExactJson): string {
  return `--- ${write(value)}\n`;
}

function write(value: ExactJson): string {
  if (value === null) return "null";
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return rubyFloat(value);
  if (typeof value !== "object") return String(value);
  if (value instanceof Map) return `{${[...value].map(writeMember).join(", ")}}`;
  return `[${(value as readonly ExactJson[]).map(write).join(", ")}]`;
}

function writeMember([name, value]: readonly [string, ExactJson]): string {
  const key = quote(name);
  return `${key.length > LONGEST_SIMPLE_KEY ? "? " : ""}${key} : ${write(value)}`;
}

/** Everything but printable ASCII and ordinary letters is escaped: line breaks of YAML 1.1, marks, controls. */
function quote(text: string): string {
  const escaped = text.replace(/["\\]|[^\x20-\x7e\p{L}\p{N}]/gu, (c) => {
    if (c === '"' || c === "\\") return `\\${c}`;
    const code = c.codePointAt(0) ?? 0;
    if (code > 0xffff) return `\\U${code.toString(16).toUpperCase().padStart(8, "0")}`;
    return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}
