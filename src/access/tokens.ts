/** Tokens: made, listed and revoked. Who makes one cannot put more into it than they have themselves. */

import type { Caller, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import { type Clock, type DurationMs, formatDuration, type UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { formatPrincipal } from "../model/principal.ts";
import { assertHandsOn, parseOperatorName } from "../model/rule.ts";
import type { View } from "../store/view.ts";
import { resolveRules } from "./rules.ts";
import { infoOf, makeToken, type TokenInfo, type TokenRow, tokens } from "./token.ts";

export interface Tokens {
  /**
   * @param request - `name`: the operator's; `rules`: names of rules; `ttl`: 1 s to `maxTtl`.
   * @returns `token` is shown this once, and empty in a dry run.
   * @throws KeywardError `denied` when a rule allows more than the caller has; `not-found` for an unknown
   *   rule; `usage`.
   */
  createToken(
    caller: Caller,
    request: { name: string; rules: readonly string[]; ttl: DurationMs },
  ): Promise<{ token: string; info: TokenInfo }>;
  /** In order of name. */
  listTokens(caller: Caller): Promise<TokenInfo[]>;
  /** In force at once. @throws KeywardError `not-found` */
  revokeToken(caller: Caller, id: string): Promise<void>;
}

export interface TokensNeeds {
  readonly journal: Journal;
  readonly view: View<TokenRow>;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxTtl: DurationMs;
}

export function createTokens({ journal, view, clock, random, maxTtl }: TokensNeeds): Tokens {
  return {
    async createToken(caller, { name, rules, ttl }) {
      const operator = parseOperatorName(name);
      assertTtl(ttl, maxTtl);
      const { text, ...secret } = makeToken(random);
      const act = { ...caller, action: "access:write", resource: operator } as const;
      const info = await journal.act(act, async (tx, detail) => {
        assertHandsOn(caller.by, await resolveRules(tx, rules));
        const created = clock();
        const expires = (created + ttl) as UnixMs;
        const row = { ...secret, name: operator, rules, created, expires, by: formatPrincipal(caller.by) };
        tokens.put(tx, row);
        Object.assign(detail, { token: row.id, rules: rules.join(" "), expires });
        return infoOf(row);
      });
      return { token: caller.dryRun === true ? "" : text, info };
    },

    async listTokens(caller) {
      const act = { ...caller, action: "access:read", resource: "tokens" } as const;
      const rows = await journal.act(act, (tx) => tokens.list(tx));
      return rows.map(infoOf).sort(byName);
    },

    async revokeToken(caller, id) {
      await view.ready;
      // The rule is about the operator's name; a token that is gone is asked for by its id.
      const resource = view.get(id)?.name ?? id;
      await journal.act({ ...caller, action: "access:write", resource }, async (tx, detail) => {
        const row = await tokens.get(tx, id);
        if (row === null || row.name !== resource) throw noToken();
        detail.revoked = id;
        tokens.delete(tx, id);
      });
    },
  };
}

function byName(a: TokenInfo, b: TokenInfo): number {
  if (a.name === b.name) return a.created - b.created;
  return a.name < b.name ? -1 : 1;
}

function assertTtl(ttl: DurationMs, maxTtl: DurationMs): void {
  if (Number.isSafeInteger(ttl) && ttl >= 1000 && ttl <= maxTtl) return;
  throw new KeywardError("usage", `token: want a time to live of 1s to ${formatDuration(maxTtl)}`);
}

function noToken(): KeywardError {
  return new KeywardError("not-found", "token: no such id", { hint: "run: keyward token list" });
}
