/** Rules: named rights, kept in the store beside those that are built in. */
import type { Caller, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import { printable } from "../model/name.ts";
import { type Allow, actions, type Rule } from "../model/principal.ts";
import { assertHandsOn, builtInRule, builtInRules, parseRuleName } from "../model/rule.ts";
import { rules as table } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";

export interface Rules {
  /** The built-in ones first, then in order of name. */
  listRules(caller: Caller): Promise<Rule[]>;
  /**
   * In force at once for everyone who has it.
   *
   * @throws KeywardError `denied` when it allows more than the caller has; `usage` for a built-in name.
   */
  putRule(caller: Caller, name: string, allow: readonly Allow[]): Promise<Rule>;
  /** Who has it loses it. @throws KeywardError `not-found`, `usage` */
  removeRule(caller: Caller, name: string): Promise<void>;
}

export function createRules({ journal }: { journal: Journal }): Rules {
  return {
    listRules(caller) {
      const act = { ...caller, action: "access:read", resource: "rules" } as const;
      return journal.act(act, async (tx) => [...builtInRules, ...(await table.list(tx))]);
    },

    async putRule(caller, text, allow) {
      const name = parseOwnRule(text);
      assertAllow(allow);
      return journal.act({ ...caller, action: "access:write", resource: name }, (tx, detail) => {
        const rule = { name, allow };
        assertHandsOn(caller.by, [rule]);
        table.put(tx, rule);
        detail.allow = formatAllow(allow);
        return rule;
      });
    },

    async removeRule(caller, text) {
      const name = parseOwnRule(text);
      await journal.act({ ...caller, action: "access:write", resource: name }, async (tx, detail) => {
        if ((await table.get(tx, name)) === null) throw noRule(name);
        detail.removed = true;
        table.delete(tx, name);
      });
    },
  };
}

/** @throws KeywardError `not-found` for a name that no rule has. */
export async function resolveRules(tx: Transaction, names: readonly string[]): Promise<Rule[]> {
  const found: Rule[] = [];
  for (const name of new Set(names)) {
    const rule = builtInRule(name) ?? (await table.get(tx, parseRuleName(name)));
    if (rule === null) throw noRule(name);
    found.push(rule);
  }
  return found;
}

function parseOwnRule(text: string): string {
  const name = parseRuleName(text);
  if (builtInRule(name) === null) return name;
  throw new KeywardError("usage", `rule ${printable(name)}: is built in and cannot be changed`, {
    hint: "choose another name",
  });
}

/** Each once at most: a longer list says nothing more, and would be gone through at every request. */
function isListOf(known: readonly string[], named: readonly string[]): boolean {
  return named.length <= known.length && named.every((action) => known.includes(action));
}

function assertAllow(allow: readonly Allow[]): void {
  const known: readonly string[] = actions;
  const good = ({ actions: named, prefix }: Allow): boolean =>
    (named === "*" || (isListOf(known, named) && named.length > 0)) && Buffer.byteLength(prefix) <= 512;
  if (allow.length <= 64 && allow.every(good)) return;
  throw new KeywardError(
    "usage",
    "rule: want up to 64 lines, each with known actions and a prefix of up to 512 bytes",
  );
}

/** `key:read,key:list on db/; * on everything`: for events. */
function formatAllow(allow: readonly Allow[]): string {
  const line = ({ actions: named, prefix }: Allow): string =>
    `${named === "*" ? "*" : named.join(",")} on ${prefix === "" ? "everything" : prefix}`;
  return allow.map(line).join("; ");
}

function noRule(name: string): KeywardError {
  return new KeywardError("not-found", `rule ${printable(name)}: no such rule`, {
    hint: "run: keyward rule list",
  });
}
