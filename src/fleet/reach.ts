/**
 * Reach: a listing shows what the caller's rules cover and nothing else. It is one act for each prefix that they
 * name; without any it is one that is denied.
 */
import type { Act, Caller } from "../audit/audit.ts";
import { type Action, type Principal, permits } from "../model/principal.ts";

export interface Reach {
  readonly acts: readonly Act[];
  covers(name: string): boolean;
}

/** @param only - Narrows the listing to one name. */
export function reachOf(caller: Caller, action: Action, only?: string): Reach {
  const resources = only === undefined ? prefixesOf(caller.by, action) : [only];
  return {
    acts: (resources.length === 0 ? [""] : resources).map((resource) => ({ ...caller, action, resource })),
    covers: (name) => permits(caller.by, action, name),
  };
}

/** `[""]` when they cover everything. */
function prefixesOf(by: Principal, action: Action): string[] {
  if (by.kind !== "operator") return [""];
  const allowed = by.rules
    .flatMap((rule) => rule.allow)
    .filter(({ actions }) => actions === "*" || actions.includes(action))
    .map(({ prefix }) => prefix);
  return allowed.includes("") ? [""] : [...new Set(allowed)].sort();
}
