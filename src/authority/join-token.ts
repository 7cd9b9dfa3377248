/**
 * Join token: good for one node's first contact. Only SHA-256 of its secret is kept; the record goes when
 * it is used.
 *
 *     kwj_<id>_<secret>   id: 16 hex digits; secret: 32 random bytes in base64url
 */
import { hash, timingSafeEqual } from "node:crypto";
import type { Act, Caller, Journal } from "../audit/audit.ts";
import { toBase64Url, toHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Clock, DurationMs, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { createFacts } from "../model/facts.ts";
import { type NodeName, parseNodeName } from "../model/name.ts";
import { type AttributeTree, noAttributes } from "../model/node.ts";
import { formatPrincipal, permits } from "../model/principal.ts";
import { createTable } from "../store/table.ts";
import type { CaKeeper } from "./ca.ts";

export interface JoinTokenRow {
  readonly id: string;
  /** SHA-256 of the secret's text, lower-case hex. */
  readonly hash: string;
  /** Good for this node only. */
  readonly node?: NodeName;
  /** They become the node's attested attributes. */
  readonly attributes?: AttributeTree;
  readonly created: UnixMs;
  readonly expires: UnixMs;
  readonly by: string;
}

export const joinTokens = createTable<JoinTokenRow>("join-tokens/", (row) => row.id);

/** @returns `null` when it is not a join token's text. */
export function parseJoinToken(text: string): { readonly id: string; readonly hash: string } | null {
  const match = text.length > 128 ? null : /^kwj_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  return { id: match[1], hash: hash("sha256", match[2], "hex") };
}

/** Is it this token, and still good? */
export function isGood(row: JoinTokenRow, given: { hash: string }, now: UnixMs): boolean {
  return timingSafeEqual(Buffer.from(row.hash), Buffer.from(given.hash)) && now < row.expires;
}

export interface JoinTokens {
  /**
   * @param request - `node`: the only node that may use it; `attributes`: a tree, attested by it, which takes a rule
   *   for every node, since they decide who receives keys; `ttl`: 1 s to 30 days, one hour by default.
   * @returns `token` is shown this once, and empty in a dry run. `caFingerprint` is that of the CA that a first
   *   contact finds at the end of the server's chain.
   * @throws KeywardError `denied`, `usage`, `uninitialised`; `too-large` for more attributes than queries may look at.
   */
  createJoinToken(
    caller: Caller,
    request: { node?: string; attributes?: AttributeTree; ttl?: DurationMs },
  ): Promise<{ token: string; expires: UnixMs; caFingerprint: string }>;
}

export interface JoinTokensNeeds {
  readonly journal: Journal;
  readonly ca: CaKeeper;
  readonly clock: Clock;
  readonly random: Random;
}

const HOUR = 3_600_000;
const MAX_TTL = 30 * 24 * HOUR;
/** What a rule must cover where it is not about one node's name alone: only the prefix of everything does. */
const ANY_NODE = "*";

export function createJoinTokens({ journal, ca, clock, random }: JoinTokensNeeds): JoinTokens {
  return {
    async createJoinToken(caller, { node: name, attributes, ttl = HOUR }) {
      await ca.ready;
      const node = name === undefined ? undefined : parseNodeName(name);
      if (!Number.isSafeInteger(ttl) || ttl < 1000 || ttl > MAX_TTL) {
        throw new KeywardError("usage", "join token: want a time to live of 1s to 30d");
      }
      assertAttributes(attributes ?? {});
      const id = toHex(random(8));
      const secret = toBase64Url(random(32));
      const acts = actsFor(caller, node ?? ANY_NODE, Object.keys(attributes ?? {}).length > 0);
      const expires = await journal.actAll(acts, (tx, [detail = {}]) => {
        const created = clock();
        const expires = (created + ttl) as UnixMs;
        const times = { created, expires, by: formatPrincipal(caller.by) };
        const bound = {
          ...(node !== undefined && { node }),
          ...(attributes !== undefined && { attributes }),
        };
        joinTokens.put(tx, { id, hash: hash("sha256", secret, "hex"), ...times, ...bound });
        Object.assign(detail, { token: id, expires });
        if (attributes !== undefined) detail.attributes = canonicalJson(attributes);
        return expires;
      });
      const token = caller.dryRun === true ? "" : `kwj_${id}_${secret}`;
      return { token, expires, caFingerprint: ca.anchor().fingerprint };
    },
  };
}

/** Only a lack of the wider right has an event of its own. */
function actsFor(caller: Caller, resource: string, attests: boolean): Act[] {
  const act = { ...caller, action: "node:enrol", resource } as const;
  const wide = !attests || permits(caller.by, "node:enrol", ANY_NODE);
  return wide ? [act] : [act, { ...act, resource: ANY_NODE }];
}

/** @throws KeywardError `too-large` */
function assertAttributes(attested: AttributeTree): void {
  createFacts({ name: "node", attributes: { ...noAttributes, attested } });
}
