/** Rule: names of rules and operators, the rules that are built in, and whether one grant of rights exceeds another. */
import { KeywardError } from "../base/errors.ts";
import { printable } from "./name.ts";
import { type Action, type Allow, formatPrincipal, type Principal, type Rule } from "./principal.ts";

/** `alice` or `team/alice`: up to 8 segments, 128 characters; safe in a URI. */
export type OperatorName = string & { readonly kind: "operator-name" };
/** As an operator's name, 64 characters at most. */
export type RuleName = string & { readonly kind: "rule-name" };

const segments = /^[A-Za-z0-9_][A-Za-z0-9._@+-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._@+-]*){0,7}$/;

/** @throws KeywardError `usage` */
export function parseOperatorName(text: string): OperatorName {
  return parse(text, 128, "operator name") as OperatorName;
}

/** @throws KeywardError `usage` */
export function parseRuleName(text: string): RuleName {
  return parse(text, 64, "rule name") as RuleName;
}

function parse(text: string, limit: number, what: string): string {
  if (text.length <= limit && segments.test(text)) return text;
  throw new KeywardError(
    "usage",
    `${what} ${printable(text)}: want letters, digits and . _ @ + - as in team/alice`,
  );
}

/** These names are taken: no rule of the store can say otherwise. */
export const builtInRules: readonly Rule[] = [
  { name: "admin", allow: [{ actions: "*", prefix: "" }] },
  { name: "audit", allow: [{ actions: ["audit:read"], prefix: "" }] },
  { name: "metrics", allow: [{ actions: ["metrics:read"], prefix: "" }] },
];

export function builtInRule(name: string): Rule | null {
  return builtInRules.find((rule) => rule.name === name) ?? null;
}

/**
 * The first right that `wanted` holds and `who` does not: nobody may hand on more than they have. `*` is
 * covered by `*` only, because it will cover actions that are yet to come.
 *
 * @returns `null` when there is none.
 */
export function excessOf(
  who: Principal,
  wanted: readonly Allow[],
): { action: Action | "*"; prefix: string } | null {
  if (who.kind === "local" || who.kind === "system") return null;
  const held = who.kind === "operator" ? who.rules.flatMap((rule) => rule.allow) : [];
  for (const { actions, prefix } of wanted) {
    for (const action of actions === "*" ? (["*"] as const) : actions) {
      if (!held.some((allow) => hands(allow, action) && contains(allow.prefix, prefix)))
        return { action, prefix };
    }
  }
  return null;
}

function hands(allow: Allow, action: Action | "*"): boolean {
  return allow.actions === "*" || (action !== "*" && allow.actions.includes(action));
}

/** Does the one prefix cover all that the other covers? Both as `Allow.prefix` means them. */
function contains(outer: string, inner: string): boolean {
  return outer === "" || outer === inner || (outer.endsWith("/") && inner.startsWith(outer));
}

/**
 * Nobody hands on more than they have.
 *
 * @throws KeywardError `denied`
 */
export function assertHandsOn(who: Principal, rules: readonly Rule[]): void {
  for (const rule of rules) {
    const excess = excessOf(who, rule.allow);
    if (excess === null) continue;
    const right = `${excess.action} on ${excess.prefix === "" ? "everything" : printable(excess.prefix)}`;
    throw new KeywardError(
      "denied",
      `${formatPrincipal(who)}: rule ${printable(rule.name)} allows ${right}, which you do not have yourself`,
      { hint: "ask someone who has that right" },
    );
  }
}
