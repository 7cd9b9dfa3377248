/** A rule as rows: a row for each prefix. */
import type { ResponseOf } from "../api/shapes.ts";

export function ruleRows({ name, allow }: ResponseOf<"rule.put">): string[][] {
  return allow.map(({ actions, prefix }) => [
    name,
    prefix === "" ? "everything" : prefix,
    actions === "*" ? "everything" : actions.join(","),
  ]);
}
