/** Members of another system's JSON, by name in any case, as Go's decoder finds them; the exact name comes first. */
import type { Json } from "../base/json.ts";

/** `null` when it is absent, or the value is no object. */
export function member(value: Json, name: string): Json {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  if (Object.hasOwn(value, name)) return value[name] ?? null;
  const found = Object.keys(value).find(
    (other) => other.length === name.length && other.toLowerCase() === name,
  );
  return found === undefined ? null : (value[found] ?? null);
}

/** Empty when it is absent or no text. */
export function textOf(value: Json, name: string): string {
  const text = member(value, name);
  return typeof text === "string" ? text : "";
}
