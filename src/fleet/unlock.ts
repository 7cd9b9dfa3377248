/**
 * Unlock: a volume's key to a node, at the moment that it asks. Conditions, count, delivery and event are one
 * transaction. The key of the version that opens the volume now goes out until the node has proved that a later one
 * does: whatever was interrupted on the node, it gets what it needs.
 */
import type { Caller } from "../audit/audit.ts";
import { createFloodgates } from "../audit/floodgate.ts";
import { toBase64 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import { isWithin } from "../model/daily-window.ts";
import { type DeliveryRecord, type GrantId, type GrantOf, placeOf } from "../model/grant.ts";
import { type DerivedAs, deliverableOf, type Version, type VersionNumber } from "../model/key.ts";
import { type KeyName, type NodeName, printable } from "../model/name.ts";
import { liesIn } from "../model/network.ts";
import { formatPrincipal } from "../model/principal.ts";
import { parseVolumeName, type UnlockDelivery, type VolumeName } from "../model/volume.ts";
import { deliveries, escrows, grants, keys, nodes, type UnlockRow, unlocks } from "../records/records.ts";
import type { Transact, Transaction } from "../store/store.ts";
import { type BundleNeeds, isAsSeen, isOfVolume, nodeOf, type OpenVersion, refuse, Stale } from "./bundle.ts";
import type { NodeEntry } from "./entries.ts";
import { type RecoveryState, recoveryOf } from "./escrow-book.ts";
import type { NodeHash } from "./ledger.ts";
import type { Desired } from "./placements.ts";
import { createVolumes, type Volumes } from "./volumes.ts";

export type { VolumeRow } from "./volumes.ts";

export interface UnlockVersion {
  readonly version: VersionNumber;
  /** Base64; absent when the node derives it. */
  readonly value?: string;
  readonly derived?: DerivedAs;
}

export interface UnlockAnswer {
  readonly grant: GrantId;
  readonly key: KeyName;
  readonly delivery: UnlockDelivery;
  /** Try them in this order: first the one that it should open with, then those that it may still open with. */
  readonly versions: readonly UnlockVersion[];
  /** The version that the node has proved that it opens with: then it is not made anew, whatever it looks like. */
  readonly proved?: VersionNumber;
  /** Of a rehearsal: how many approvals are lacking. */
  readonly lacking?: number;
  /** Absent unless its grant names holders. */
  readonly recovery?: RecoveryState;
  /** For the proof of the one that opened it: 32 bytes, base64. */
  readonly challenge: string;
}

export interface Unlocks extends Volumes {
  /**
   * @param from - The address that the connection comes from; `undefined` fails a condition on it.
   * @param how - `rehearse`: what would be given now, without any value; nothing is counted or recorded but the event.
   * @throws KeywardError `denied` unless the node is active, a grant unlocks this volume and its conditions hold, with
   *   an event; `busy` while it waits for approval.
   */
  unlock(
    caller: Caller,
    name: string,
    from: string | undefined,
    how?: { readonly rehearse?: boolean },
  ): Promise<UnlockAnswer>;
}

export interface UnlockNeeds extends BundleNeeds {
  readonly transact: Transact;
  readonly openVersion: OpenVersion;
}

/** One that asks every second must not fill the log. */
const REFUSALS_PER_MINUTE = 6;
const ATTEMPTS = 10;
const DAY_MS = 86_400_000;
/** An approval that was not used by then is none. */
const APPROVAL_MS = 3_600_000;
/** Versions that went out and of which none was proved. */
const MOST_OFFERED = 8;

interface Asked {
  readonly entry: NodeEntry;
  readonly hash: NodeHash;
  readonly one: Desired & { readonly grant: GrantOf<UnlockDelivery> };
}

export function createUnlocks(needs: UnlockNeeds): Unlocks {
  const { journal, transact, roster, ledger, clock, challenges } = needs;
  const gates = createFloodgates({ clock, perMinute: REFUSALS_PER_MINUTE });

  async function denied(caller: Caller, node: NodeName, name: VolumeName, why: string): Promise<never> {
    const passed = gates.of(node).pass();
    const detail = { volume: name, reason: why };
    const heldBack = passed === null || passed.heldBack === 0 ? {} : { heldBack: passed.heldBack };
    if (passed !== null)
      await journal.note({
        by: formatPrincipal(caller.by),
        action: "node:unlock",
        resource: node,
        outcome: "denied",
        detail: { ...detail, ...heldBack },
      });
    throw new KeywardError("denied", `volume ${name} of ${node}: ${why}`, {
      hint: "ask an operator: keyward disk list",
    });
  }

  async function attempt(
    caller: Caller,
    name: VolumeName,
    from: string | undefined,
    rehearse: boolean,
  ): Promise<UnlockAnswer> {
    const node = nodeOf(caller);
    const entry = roster.nodes.get(node);
    if (entry?.state !== "active") return refuse(journal, caller, node, entry?.state, "node:unlock");
    const one = roster
      .placements(node)
      .desired.filter(isOfVolume)
      .find(({ grant }) => grant.delivery.name === name);
    if (one === undefined) return denied(caller, node, name, "no grant unlocks it");
    const asked: Asked = { entry, hash: ledger.hashOf(node), one };
    const row = await transact((tx) => unlocks.get(tx, `${asked.hash}/${one.grant.id}`));
    const why = whyNot(one.grant.delivery, row, clock(), from);
    if (why !== null) return denied(caller, node, name, why);
    if (rehearse) return rehearsed(caller, asked, row);
    if (lackOf(one.grant.delivery, row, clock()) > 0) return wait(caller, asked, row);
    return open(caller, asked);
  }

  /** The numbers that would go out, and how a derived one is made; never a value. */
  function rehearsed(
    caller: Caller,
    { entry, hash, one }: Asked,
    row: UnlockRow | null,
  ): Promise<UnlockAnswer> {
    const { id, key, delivery } = one.grant;
    const act = { ...caller, action: "node:unlock", resource: entry.name } as const;
    return journal.act(act, async (tx, detail) => {
      const before = await deliveries.get(tx, `${hash}/${key}`);
      const versions = (await offered(tx, one, before)).map(({ number, derived }) => ({
        version: number,
        ...(derived === undefined ? {} : { derived }),
      }));
      if (versions.length === 0) throw new Stale();
      Object.assign(detail, { key, grant: id, volume: delivery.name, rehearsed: true });
      const lacking = lackOf(delivery, row, clock());
      return {
        ...{ grant: id, key, delivery, versions, challenge: "" },
        ...(before?.proved === undefined ? {} : { proved: before.version }),
        ...(lacking === 0 ? {} : { lacking }),
      };
    });
  }

  async function wait(caller: Caller, { entry, hash, one }: Asked, row: UnlockRow | null): Promise<never> {
    const { id, key, delivery } = one.grant;
    const since = row?.asked;
    if (since === undefined || clock() - since >= APPROVAL_MS) {
      const act = { ...caller, action: "node:unlock", resource: entry.name } as const;
      await journal.act(act, async (tx, detail) => {
        const before = (await unlocks.get(tx, `${hash}/${id}`)) ?? emptyRow(hash, id);
        unlocks.put(tx, { ...before, asked: clock() });
        Object.assign(detail, { key, grant: id, volume: delivery.name, waits: true });
      });
    }
    throw new KeywardError("busy", `volume ${delivery.name} of ${entry.name}: waits for approval`, {
      hint: `an operator answers: keyward disk approve ${entry.name} ${delivery.name}`,
    });
  }

  function open(caller: Caller, asked: Asked): Promise<UnlockAnswer> {
    const { entry, hash, one } = asked;
    const { id, key, delivery } = one.grant;
    const challenge = toBase64(challenges.ask());
    const act = { ...caller, action: "node:unlock", resource: entry.name } as const;
    return journal.act(act, async (tx, detail) => {
      const mark = roster.grants.get(id)?.mark;
      if (mark === undefined || !(await isAsSeen(tx, grants.keyOf(id), mark))) throw new Stale();
      if (!(await isAsSeen(tx, nodes.keyOf(entry.name), entry.mark))) throw new Stale();
      const row = (await unlocks.get(tx, `${hash}/${id}`)) ?? emptyRow(hash, id);
      const now = clock();
      if (lackOf(delivery, row, now) > 0 || isOver(delivery, row, now)) throw new Stale();
      const before = await deliveries.get(tx, `${hash}/${key}`);
      const versions = await versionsFor(needs, tx, one, before);
      unlocks.put(tx, { ...emptyRow(hash, id), opened: [...today(row, now), now].slice(-1000) });
      deliveries.put(tx, { node: hash, ...recordOf(one, before, now) });
      Object.assign(detail, {
        key,
        grant: id,
        volume: delivery.name,
        versions: versions.map(({ version }) => version).join(" "),
        ...(row.approvals.length === 0 ? {} : { approved: row.approvals.map(({ by }) => by).join(" ") }),
      });
      const proved = before?.proved === undefined ? {} : { proved: before.version };
      const kept = (await escrows.get(tx, `${hash}/${delivery.name}`)) ?? undefined;
      const recovery = recoveryOf(delivery, kept);
      const more = { ...proved, ...(recovery === null ? {} : { recovery }) };
      return { grant: id, key, delivery, versions, ...more, challenge };
    });
  }

  return {
    ...createVolumes({ ...needs, today, lackOf, approvalMs: APPROVAL_MS }),
    async unlock(caller, text, from, { rehearse = false } = {}) {
      const name = parseVolumeName(text);
      for (let left = ATTEMPTS; left > 0; left--) {
        try {
          return await attempt(caller, name, from, rehearse);
        } catch (error) {
          if (!(error instanceof Stale)) throw error;
        }
      }
      throw new KeywardError("busy", `volume ${printable(text)}: what is granted changes too fast`, {
        hint: "ask again",
      });
    },
  };
}

function emptyRow(node: NodeHash, grant: GrantId): UnlockRow {
  return { node, grant, opened: [], approvals: [] };
}

/** What a condition refuses now, but for approval, which may come. */
function whyNot(
  { conditions }: UnlockDelivery,
  row: UnlockRow | null,
  now: UnixMs,
  from: string | undefined,
): string | null {
  const { allowFrom, between, maxOpens } = conditions;
  if (allowFrom !== undefined && !allowFrom.some((network) => from !== undefined && liesIn(from, network)))
    return `not from ${printable(from ?? "here")}`;
  if (between !== undefined && !isWithin(now, between)) return `only between ${between} UTC`;
  if (maxOpens !== undefined && today(row, now).length >= maxOpens)
    return `it was opened ${maxOpens} times within a day, which is all that is allowed`;
  return null;
}

function isOver({ conditions: { maxOpens } }: UnlockDelivery, row: UnlockRow, now: UnixMs): boolean {
  return maxOpens !== undefined && today(row, now).length >= maxOpens;
}

function today(row: UnlockRow | null, now: UnixMs): UnixMs[] {
  return row?.opened.filter((at) => now - at < DAY_MS) ?? [];
}

/** How many approvals are lacking. */
function lackOf({ conditions }: UnlockDelivery, row: UnlockRow | null, now: UnixMs): number {
  const valid = row?.approvals.filter(({ at }) => now - at < APPROVAL_MS).length ?? 0;
  return Math.max(0, (conditions.approvals ?? 0) - valid);
}

/**
 * The version that it should open with, then those that it may still open with.
 *
 * @throws Stale when the current version is no longer this one.
 */
async function offered(
  tx: Transaction,
  { grant, version }: Desired,
  before: DeliveryRecord | null,
): Promise<Version[]> {
  const key = await keys.get(tx, grant.key);
  if (key === null || deliverableOf(key)?.number !== version) throw new Stale();
  const known = before === null ? [] : [before.version, ...(before.offered ?? [])];
  return [...new Set([version, ...known])].flatMap((number) => {
    const one = key.versions.find((candidate) => candidate.number === number);
    return one === undefined || one.state.kind === "destroyed" ? [] : [one];
  });
}

/** @throws Stale when the current version is no longer this one, or cannot be opened. */
async function versionsFor(
  { openVersion }: UnlockNeeds,
  tx: Transaction,
  desired: Desired,
  before: DeliveryRecord | null,
): Promise<UnlockVersion[]> {
  const { grant, version } = desired;
  const found: UnlockVersion[] = [];
  for (const one of await offered(tx, desired, before)) {
    const { number } = one;
    if (one.derived !== undefined) {
      found.push({ version: number, derived: one.derived });
      continue;
    }
    try {
      using value = await openVersion(tx, grant.key, number, { over: number !== version });
      found.push({ version: number, value: toBase64(value.reveal()) });
    } catch (error) {
      if (!isKeywardError(error, "not-found")) throw error;
      if (number === version) throw new Stale();
    }
  }
  return found;
}

/** `version` stays what opens the volume, as far as is known, until another one is proved. */
function recordOf({ grant, version }: Desired, before: DeliveryRecord | null, now: UnixMs): DeliveryRecord {
  const paths = [placeOf(grant.delivery)];
  if (before === null) return { key: grant.key, version, paths, delivered: now };
  const { withdrawn: _, offered = [], ...record } = before;
  const later = [...new Set([version, ...offered])].filter((one) => one !== record.version);
  return {
    ...record,
    paths,
    delivered: now,
    ...(later.length === 0 ? {} : { offered: later.slice(0, MOST_OFFERED) }),
  };
}
