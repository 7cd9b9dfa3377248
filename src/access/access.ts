/**
 * Access: who may. Operators sign in with tokens or client certificates; rules say what that allows. What
 * is looked up at every request is in memory, kept right by watches.
 */
import type { Journal } from "../audit/audit.ts";
import type { Clock, DurationMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import type { Rule } from "../model/principal.ts";
import { rules as ruleTable } from "../records/records.ts";
import type { Store, Transact, Transaction } from "../store/store.ts";
import { openView } from "../store/view.ts";
import { createRules, type Rules, resolveRules } from "./rules.ts";
import { createSignIn, type SignIn } from "./sign-in.ts";
import { tokens as tokenTable } from "./token.ts";
import { createTokens, type Tokens } from "./tokens.ts";

export type { TokenInfo } from "./token.ts";

export interface AccessNeeds {
  readonly journal: Journal;
  readonly transact: Transact;
  /** Watched for changes of tokens and rules. */
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** The longest that a token may live: 366 days by default. */
  readonly maxTtl?: DurationMs;
  /** Refused logins that have an event, each minute: 60 by default. The rest is counted. */
  readonly refusalsPerMinute?: number;
}

export interface Access extends Tokens, Rules, SignIn {
  /** Settles once tokens and rules are in memory; `authenticate` waits for it by itself. */
  readonly ready: Promise<void>;
  /** The rules of these names, as they stand in a transaction. @throws KeywardError `not-found` */
  resolveRules(tx: Transaction, names: readonly string[]): Promise<Rule[]>;
  close(): void;
}

export function createAccess(needs: AccessNeeds): Access {
  const { store, maxTtl = (366 * 86_400_000) as DurationMs, refusalsPerMinute = 60 } = needs;
  const tokens = openView(store, tokenTable);
  const rules = openView(store, ruleTable);
  const ready = Promise.all([tokens.ready, rules.ready]).then(() => {});
  ready.catch(() => {});
  return {
    ...createTokens({ ...needs, view: tokens, maxTtl }),
    ...createRules(needs),
    ...createSignIn({ ...needs, tokens, rules, refusalsPerMinute }),
    resolveRules,
    ready,
    close() {
      tokens.close();
      rules.close();
    },
  };
}
