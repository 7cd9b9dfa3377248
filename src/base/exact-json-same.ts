/** Are two values of exact JSON the same, in whatever order their members are? A server may keep them in its own. */
import { type ExactJson, type ExactObject, isExactObject } from "./exact-json.ts";

export function isSameJson(a: ExactJson | undefined, b: ExactJson | undefined): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, i) => isSameJson(one, b[i]));
  return isExactObject(a) && isExactObject(b) && isSameObject(a, b);
}

function isSameObject(a: ExactObject, b: ExactObject): boolean {
  return (
    a.size === b.size && [...a].every(([name, member]) => b.has(name) && isSameJson(member, b.get(name)))
  );
}
