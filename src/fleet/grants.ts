/**
 * Grants: the acts that operators do on them. Who may grant a key must also be allowed to read it: otherwise
 * they could send it to a node of their own and read it there.
 */
import type { Act, Caller, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { type DeliveryMethod, type Grant, type GrantId, placeOf } from "../model/grant.ts";
import { type KeyName, parseKeyName, printable } from "../model/name.ts";
import type { PlanLine } from "../model/plan.ts";
import { formatPrincipal, permits } from "../model/principal.ts";
import { grants, keys } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";
import { type DeliveryInput, parseDelivery } from "./delivery-method.ts";
import { createGrantEntry, type GrantEntry } from "./entries.ts";
import { compareGrants } from "./placements.ts";
import type { Preview } from "./preview.ts";
import { reachOf } from "./reach.ts";
import type { Roster } from "./roster.ts";

export interface GrantInput {
  readonly key: string;
  readonly query: string;
  readonly delivery: DeliveryInput;
}

export interface GrantChange {
  readonly grant: Grant;
  readonly effect: readonly PlanLine[];
}

/** Rules are matched against the key's name. Every act throws KeywardError `denied`. */
export interface Grants {
  /** Those of keys that the caller's rules cover, the oldest first. */
  list(caller: Caller, filter?: { key?: string | undefined }): Promise<Grant[]>;
  /**
   * Needs `grant:write` and `key:read` on the key; and `grant:run` for a program, an absolute path or a volume,
   * since the agent, often root, does as it is told.
   *
   * @throws KeywardError `usage` for a bad path or mode, `malformed` for a bad query; `not-found` when there is no such key; `conflict`
   *   when a node would get two keys at one path, when the key would be a volume's and lie in a file too, or when the
   *   same grant exists.
   */
  add(caller: Caller, input: GrantInput): Promise<GrantChange>;
  /** @throws KeywardError `not-found` */
  remove(caller: Caller, id: string): Promise<GrantChange>;
}

export interface GrantsNeeds {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly roster: Roster;
  readonly preview: Preview;
}

function alsoNeeded(delivery: DeliveryMethod): ("key:read" | "grant:run")[] {
  const more = delivery.kind === "unlock" || delivery.run !== undefined || delivery.path.startsWith("/");
  return more ? ["key:read", "grant:run"] : ["key:read"];
}

export function createGrants({ journal, clock, random, roster, preview }: GrantsNeeds): Grants {
  async function freshId(tx: Transaction): Promise<GrantId> {
    for (;;) {
      const id = grantId(random(5));
      if ((await grants.get(tx, id)) === null) return id;
    }
  }

  function assertNew(entry: GrantEntry): void {
    const { key, query, delivery } = entry.grant;
    const text = canonicalJson({ query, delivery });
    const same = roster
      .grantsOf(key)
      .find(({ grant }) => canonicalJson({ query: grant.query, delivery: grant.delivery }) === text);
    if (same !== undefined && roster.isLive(same.grant)) {
      throw new KeywardError("conflict", `grant: ${same.grant.id} already says the same`);
    }
    const otherwise = roster
      .grantsOf(key)
      .find(({ grant }) => roster.isLive(grant) && grant.delivery.kind !== delivery.kind);
    if (otherwise !== undefined)
      throw new KeywardError(
        "conflict",
        `grant: ${otherwise.grant.id} has ${key} ${delivery.kind === "unlock" ? "put into a file" : "unlock a volume"}`,
        { hint: "a volume's key lies in no file: make another key" },
      );
    const conflict = preview.conflictOf(entry);
    if (conflict === null) return;
    const { grant, holder } = conflict.refusal;
    const other = holder === entry.grant ? grant : holder;
    throw new KeywardError(
      "conflict",
      `grant: ${placeOf(delivery)} on node ${conflict.node} is taken: ${other.id} puts ${other.key} at ${placeOf(other.delivery)}`,
      { hint: "choose another path, or remove the other grant" },
    );
  }

  async function add(
    tx: Transaction,
    caller: Caller,
    name: KeyName,
    input: Omit<Grant, "id" | "key" | "created" | "by">,
  ) {
    const key = await keys.get(tx, name);
    if (key === null)
      throw new KeywardError("not-found", `no key ${printable(name)}`, { hint: "see: keyward key list" });
    if (key.origin.kind === "derived" && hasHolders(input.delivery))
      throw new KeywardError(
        "usage",
        `key ${name}: is derived, and not to be had by way of this server's grants`,
        {
          hint: "leave out --holder, and make the shares on the node: keyward disk escrow",
        },
      );
    const grant: Grant = {
      id: await freshId(tx),
      key: name,
      ...input,
      // Never older than its key, whatever the clock did: a grant that is gives nothing.
      created: Math.max(clock(), key.created) as UnixMs,
      by: formatPrincipal(caller.by),
    };
    const entry = createGrantEntry(grant);
    assertNew(entry);
    grants.put(tx, grant);
    return { grant, effect: preview.grantAdded(entry) };
  }

  return {
    list: async (caller, { key } = {}) => {
      const only = key === undefined ? undefined : parseKeyName(key);
      const { acts, covers } = reachOf(caller, "grant:read", only);
      return journal.actAll(acts, async (tx) => {
        const all = only === undefined ? [...roster.grants.values()] : roster.grantsOf(only);
        const seen = all.filter(({ grant }) => covers(grant.key));
        const rows = await Promise.all(seen.map(({ grant }) => grants.get(tx, grant.id)));
        return rows.filter((grant) => grant !== null).sort(compareGrants);
      });
    },

    add: async (caller, input) => {
      const key = parseKeyName(input.key);
      const delivery = parseDelivery(input.delivery);
      const known = { query: input.query, delivery };
      const act: Act = { ...caller, action: "grant:write", resource: key };
      // Only a lack of these has an event of their name: nobody reads the key here, or runs anything.
      const lacking = alsoNeeded(delivery).filter((action) => !permits(caller.by, action, key));
      const acts = [act, ...lacking.map((action): Act => ({ ...caller, action, resource: key }))];
      return journal.actAll(acts, async (tx, [detail]) => {
        const change = await add(tx, caller, key, known);
        const { id, query } = change.grant;
        Object.assign(detail ?? {}, { change: "add", grant: id, query, path: placeOf(delivery) });
        return change;
      });
    },

    remove: async (caller, id) => {
      const known = roster.grants.get(id as GrantId)?.grant;
      const resource = known?.key ?? id;
      return journal.act({ ...caller, action: "grant:write", resource }, async (tx, detail) => {
        const grant = known === undefined ? null : await grants.get(tx, id);
        if (grant === null)
          throw new KeywardError("not-found", `no grant ${printable(id)}`, {
            hint: "see: keyward grant list",
          });
        Object.assign(detail, {
          change: "remove",
          grant: grant.id,
          query: grant.query,
          path: placeOf(grant.delivery),
        });
        grants.delete(tx, grant.id);
        return { grant, effect: preview.grantRemoved(grant.id) };
      });
    },
  };
}

/** `g-` and 8 characters of base32 (RFC 4648 section 6, lower case). @param bytes - 5 of them. */
function grantId(bytes: Uint8Array): GrantId {
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  let text = "";
  for (let shift = 35n; shift >= 0n; shift -= 5n)
    text += "abcdefghijklmnopqrstuvwxyz234567"[Number((bits >> shift) & 31n)];
  return `g-${text}` as GrantId;
}

/** Who names holders of a recovery key's shares could name himself. */
function hasHolders(delivery: DeliveryMethod): boolean {
  return delivery.kind === "unlock" && delivery.escrow?.holders !== undefined;
}
