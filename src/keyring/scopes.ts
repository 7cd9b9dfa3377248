/**
 * Scopes: which part of a listing a caller may see. Someone whose rule covers `db/` and who asks for
 * everything sees what lies under `db/`, and nothing tells that there is more.
 */
import type { Principal } from "../model/principal.ts";
import { compareKeys } from "../store/key.ts";

export type Scope =
  /** Every name that begins with the text. */
  | { readonly kind: "under"; readonly text: string }
  /** The one name. */
  | { readonly kind: "exactly"; readonly text: string };

/** In the order of names, without overlap. None: nothing under the prefix may be listed. */
export function scopesOf(by: Principal, prefix: string): Scope[] {
  const seen = allowedPrefixes(by).flatMap((allowed) => overlap(allowed, prefix));
  const apart = seen.filter(
    (one, i) => !seen.some((other, j) => hides(other, one) && (j < i || !hides(one, other))),
  );
  return apart.sort((a, b) => compareKeys(a.text, b.text));
}

function allowedPrefixes(by: Principal): string[] {
  switch (by.kind) {
    case "local":
    case "system":
      return [""];
    case "operator":
      return by.rules
        .flatMap((rule) => rule.allow)
        .filter(({ actions }) => actions === "*" || actions.includes("key:list"))
        .map((allow) => allow.prefix);
    case "node":
    case "anonymous":
      return [];
  }
}

function overlap(allowed: string, prefix: string): Scope[] {
  const isTree = allowed === "" || allowed.endsWith("/");
  if (isTree && prefix.startsWith(allowed)) return [{ kind: "under", text: prefix }];
  if (!allowed.startsWith(prefix)) return [];
  return [{ kind: isTree ? "under" : "exactly", text: allowed }];
}

/** Is all of `inner` in `outer`? */
function hides(outer: Scope, inner: Scope): boolean {
  if (outer.kind === "exactly") return inner.kind === "exactly" && inner.text === outer.text;
  return inner.text.startsWith(outer.text);
}
