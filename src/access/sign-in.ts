/**
 * Signing in: from a token's text to a principal with its rules. Tokens and rules are held in memory by
 * views of the store, so that a sign-in costs a hash and no read, and a revocation is in force at once.
 */
import type { Caller, Journal } from "../audit/audit.ts";
import { createFloodgate } from "../audit/floodgate.ts";
import { KeywardError } from "../base/errors.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import { formatPrincipal, type Principal, type Rule } from "../model/principal.ts";
import { builtInRule } from "../model/rule.ts";
import type { Transact } from "../store/store.ts";
import type { View } from "../store/view.ts";
import { parseToken, sameHash, type TokenRow, tokens } from "./token.ts";

export interface SignIn {
  /**
   * @param text - `kwt_…`
   * @param from - The caller's network address, for the event of a refusal.
   * @throws KeywardError `unauthenticated`, with an event; in a flood of refusals only some have one.
   */
  authenticate(text: string, from?: string): Promise<Principal>;
  /** The operator whom a verified client certificate names, with what these rules allow now; before `ready`, nothing. */
  operator(name: string, ruleNames: readonly string[]): Principal;
  whoami(caller: Caller): { principal: string; rules: readonly Rule[]; expires?: UnixMs };
}

export interface SignInNeeds {
  readonly journal: Journal;
  readonly transact: Transact;
  readonly clock: Clock;
  readonly tokens: View<TokenRow>;
  readonly rules: View<Rule>;
  /** Refused logins that have an event, each minute. */
  readonly refusalsPerMinute: number;
}

const MINUTE = 60_000;
const NO_HASH = "0".repeat(64);

type Refusal = "malformed" | "unknown" | "wrong secret" | "expired";

export function createSignIn(needs: SignInNeeds): SignIn {
  const { journal, transact, clock, refusalsPerMinute } = needs;
  const gate = createFloodgate({ clock, perMinute: refusalsPerMinute });
  const expiries = new WeakMap<Principal, UnixMs>();
  /** When each token's use was last written, or tried to be. */
  const noted = new Map<string, UnixMs>();

  async function refuse(reason: Refusal, resource: string, from: string | undefined): Promise<never> {
    const passed = gate.pass();
    if (passed !== null) {
      const held = passed.heldBack > 0 && { heldBack: passed.heldBack };
      const detail = { reason, ...(from !== undefined && { from }), ...held };
      await journal.note({ by: "anonymous", action: "access:login", resource, outcome: "denied", detail });
    }
    // Only who has the secret learns that the token was right once.
    const message = reason === "expired" ? "token: has expired" : "token: not accepted";
    throw new KeywardError("unauthenticated", message, { hint: "sign in again: keyward login" });
  }

  /** Not an act: it tells what the events of the token's acts tell anyway. Lost when the disk refuses. */
  function noteUse(row: TokenRow): void {
    const now = clock();
    const last = Math.max(row.lastUsed ?? 0, noted.get(row.id) ?? 0);
    if (now - last < MINUTE) return;
    noted.set(row.id, now);
    transact(async (tx) => {
      const current = await tokens.get(tx, row.id);
      if (current !== null) tokens.put(tx, { ...current, lastUsed: now });
      else noted.delete(row.id);
    }).catch(() => {});
  }

  function resolve(names: readonly string[]): Rule[] {
    return names.flatMap((name) => builtInRule(name) ?? needs.rules.get(name) ?? []);
  }

  return {
    async authenticate(text, from) {
      await needs.tokens.ready;
      await needs.rules.ready;
      const given = parseToken(text);
      if (given === null) return refuse("malformed", "token", from);
      const row = needs.tokens.get(given.id);
      const same = sameHash(given.hash, row?.hash ?? NO_HASH);
      if (row === undefined) return refuse("unknown", `token ${given.id}`, from);
      if (!same) return refuse("wrong secret", `token ${given.id}`, from);
      if (clock() >= row.expires) return refuse("expired", `token ${given.id}`, from);
      noteUse(row);
      const who: Principal = { kind: "operator", name: row.name, rules: resolve(row.rules) };
      expiries.set(who, row.expires);
      return who;
    },

    operator: (name, ruleNames) => ({ kind: "operator", name, rules: resolve(ruleNames) }),

    whoami({ by }) {
      const expires = expiries.get(by);
      const rules = by.kind === "operator" ? by.rules : by.kind === "local" ? resolve(["admin"]) : [];
      return { principal: formatPrincipal(by), rules, ...(expires !== undefined && { expires }) };
    },
  };
}
