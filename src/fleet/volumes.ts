/** Volumes: which there are among the nodes, when they were opened, who waits, and the yes of an operator. */
import type { Caller, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { GrantId } from "../model/grant.ts";
import type { VersionNumber } from "../model/key.ts";
import { type KeyName, type NodeName, parseNodeName } from "../model/name.ts";
import { formatPrincipal } from "../model/principal.ts";
import { parseVolumeName, type UnlockDelivery, type VolumeName } from "../model/volume.ts";
import { type UnlockRow, unlocks } from "../records/records.ts";
import { isOfVolume } from "./bundle.ts";
import { type EscrowBook, type EscrowFacts, type RecoveryState, recoveryOf } from "./escrow-book.ts";
import type { Ledger } from "./ledger.ts";
import { reachOf } from "./reach.ts";
import type { Roster } from "./roster.ts";

export interface VolumeRow {
  readonly node: NodeName;
  readonly grant: GrantId;
  readonly key: KeyName;
  readonly delivery: UnlockDelivery;
  /** That it should open with. */
  readonly version: VersionNumber;
  /** That it opens with, by the node's own proof. */
  readonly proved?: VersionNumber;
  /** The last time that its key went out. */
  readonly opened?: UnixMs;
  /** Within the last 24 hours. */
  readonly opens: number;
  /** The node waits for approval since then. */
  readonly asked?: UnixMs;
  /** Approvals that are lacking. */
  readonly lacking: number;
  /** The node is frozen: it gets no key until it is thawed. */
  readonly frozen?: true;
  /** What the node said went wrong. */
  readonly failed?: string;
  /** Absent unless its grant names holders. */
  readonly recovery?: VolumeRecovery;
}

/** Its newest recovery key, as it was made, and what is known of its use. */
export interface VolumeRecovery extends RecoveryState {
  readonly threshold: number;
  /** Names, in order of their shares. */
  readonly holders: readonly string[];
  readonly fetched?: UnixMs;
}

export interface Volumes {
  /** Of active and frozen nodes, by node, of keys that the caller's rules cover. @throws KeywardError `denied` */
  volumes(caller: Caller, filter?: { node?: string | undefined }): Promise<VolumeRow[]>;
  /**
   * Say yes to the next opening of a node's volume; it holds for an hour. Needs `disk:approve` on the key.
   *
   * @throws KeywardError `denied`; `not-found` when there is no such volume; `conflict` when it needs no approval, or
   *   this principal has said yes already.
   */
  approve(caller: Caller, node: string, name: string): Promise<{ readonly lacking: number }>;
}

export interface VolumesNeeds {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly book: EscrowBook;
  today(row: UnlockRow | null, now: UnixMs): UnixMs[];
  lackOf(delivery: UnlockDelivery, row: UnlockRow | null, now: UnixMs): number;
  readonly approvalMs: number;
}

export function createVolumes({
  journal,
  clock,
  roster,
  ledger,
  book,
  today,
  lackOf,
  approvalMs,
}: VolumesNeeds): Volumes {
  /** A frozen node has its volumes, too: they are not opened again. */
  function volumesOf(node: NodeName) {
    const entry = roster.nodes.get(node);
    if (entry?.state !== "active" && entry?.state !== "frozen") return [];
    return roster.resolution(entry.matched).desired.filter(isOfVolume);
  }

  return {
    volumes: (caller, { node } = {}) => {
      const names = node === undefined ? roster.names() : [parseNodeName(node)];
      const { acts, covers } = reachOf(caller, "grant:read");
      return journal.actAll(acts, async (tx) => {
        const rows: VolumeRow[] = [];
        for (const name of names) {
          for (const { grant, version } of volumesOf(name)) {
            if (!covers(grant.key)) continue;
            const row = await unlocks.get(tx, `${ledger.hashOf(name)}/${grant.id}`);
            const record = ledger.get(name, grant.key);
            const opened = row?.opened.at(-1);
            rows.push({
              node: name,
              grant: grant.id,
              key: grant.key,
              delivery: grant.delivery,
              version,
              ...(record?.proved === undefined ? {} : { proved: record.version }),
              ...(opened === undefined ? {} : { opened }),
              opens: today(row, clock()).length,
              ...(row?.asked === undefined || clock() - row.asked >= approvalMs ? {} : { asked: row.asked }),
              lacking: lackOf(grant.delivery, row, clock()),
              ...(roster.nodes.get(name)?.state === "frozen" ? { frozen: true as const } : {}),
              ...(record?.failed === undefined ? {} : { failed: record.failed }),
              ...recoveryRow(grant.delivery, book.get(ledger.hashOf(name), grant.delivery.name)),
            });
          }
        }
        return rows;
      });
    },

    approve: async (caller, nodeText, text) => {
      const node = parseNodeName(nodeText);
      const name: VolumeName = parseVolumeName(text);
      const one = volumesOf(node).find(({ grant }) => grant.delivery.name === name);
      const resource = one?.grant.key ?? `${node}/${name}`;
      return journal.act({ ...caller, action: "disk:approve", resource }, async (tx, detail) => {
        if (one === undefined)
          throw new KeywardError("not-found", `no volume ${name} on node ${node}`, {
            hint: "see: keyward disk list",
          });
        const { id, delivery } = one.grant;
        const hash = ledger.hashOf(node);
        const now = clock();
        const row = (await unlocks.get(tx, `${hash}/${id}`)) ?? {
          node: hash,
          grant: id,
          opened: [],
          approvals: [],
        };
        const approvals = row.approvals.filter(({ at }) => now - at < approvalMs);
        const by = formatPrincipal(caller.by);
        if (delivery.conditions.approvals === undefined)
          throw new KeywardError("conflict", `volume ${name} of ${node}: opens without approval`);
        if (approvals.some((known) => known.by === by))
          throw new KeywardError("conflict", `volume ${name} of ${node}: ${by} has said yes already`, {
            hint: "another operator must, or the node has not asked yet",
          });
        const next = { ...row, approvals: [...approvals, { by, at: now }] };
        unlocks.put(tx, next);
        Object.assign(detail, { node, volume: name, grant: id });
        return { lacking: lackOf(delivery, next, now) };
      });
    },
  };
}

function recoveryRow(
  delivery: UnlockDelivery,
  row: EscrowFacts | undefined,
): { readonly recovery?: VolumeRecovery } {
  const state = recoveryOf(delivery, row);
  const plan = row ?? delivery.escrow;
  if (state === null || plan === undefined) return {};
  const holders = (plan.holders ?? []).map(({ name }) => name);
  const { fetched } = row ?? {};
  return {
    recovery: { ...state, threshold: plan.threshold, holders, ...(fetched === undefined ? {} : { fetched }) },
  };
}
