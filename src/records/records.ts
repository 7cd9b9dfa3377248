/**
 * Records: how each noun is kept, one table a noun, so that the rooms that share a noun agree on it. Only
 * the room named at a table writes it.
 *
 *     prefix          row                                                    written by
 *     keys/           Key and its wrapped data key                           keyring
 *     versions/       NAME@NUMBER (8 digits): the sealed value, bytes        keyring
 *     retiring/       TIME/NAME@NUMBER: when a version's time is over        keyring
 *     removed-keys/   the last number of a key that was removed              keyring
 *     nodes/          Node                                                   fleet; authority (identity, state at enrolment)
 *     grants/         Grant                                                  fleet
 *     pushes/         HASH: what was pushed to a node without an agent       delivery
 *     sources/        Source: an inventory, and what is accepted of it       fleet
 *     inventories/    SOURCE/NODE: InventoryRow, what it says of a node       fleet
 *     deliveries/     HASH/KEY: DeliveryRecord; HASH is keyed, of the node   fleet
 *     unlocks/        HASH/GRANT: UnlockRecord: when a node got a volume's key fleet
 *     escrows/        HASH/VOLUME: the sealed shares of a recovery key       fleet
 *     join-tokens/    a one-time token's hash and what it gives              authority
 *     certificates/   what was issued, by serial number                      authority
 *     authorities/    CA certificates and their sealed keys                  authority
 *     tokens/         an operator's token: its hash, rules, times            access
 *     rules/          Rule                                                   access
 *     audit/          Event; audit-head: the newest, signed                  audit
 *     ssh-certificates/   SSH certificates issued, by serial number          delivery
 *     seals/          a seal: its parameters and the root key it wraps       seal
 *     system/         sealed keys of the server's own, by purpose            seal
 */

import type { UnixMs } from "../base/time.ts";
import type { DeliveryRecord, Grant, GrantId } from "../model/grant.ts";
import type { InventoryRow, Source } from "../model/inventory.ts";
import type { Key, VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import type { Rule } from "../model/principal.ts";
import type { PushSettings } from "../model/push.ts";
import type { Holder, VolumeName } from "../model/volume.ts";
import { createTable } from "../store/table.ts";

/** `dataKey`: base64 of the data key, sealed under the root key. */
export type KeyRow = Key & { readonly dataKey: string };
export const keys = createTable<KeyRow>("keys/", (key) => key.name);

export const nodes = createTable<Node>("nodes/", (node) => node.name);
export const grants = createTable<Grant>("grants/", (grant) => grant.id);
export const sources = createTable<Source>("sources/", (source) => source.name);
export const inventoryRows = createTable<InventoryRow>("inventories/", (row) => `${row.source}/${row.node}`);
export const rules = createTable<Rule>("rules/", (rule) => rule.name);

/** `node`: the keyed hash of the node's name, lower-case hex. */
export type DeliveryRow = DeliveryRecord & { readonly node: string };
export const deliveries = createTable<DeliveryRow>("deliveries/", (row) => `${row.node}/${row.key}`);

/**
 * What the push knows of a node, as an agent's state does of its host. Written before anything is done there, so that
 * what was broken off is found again.
 */
export interface PushRow {
  /** The keyed hash of the node's name, lower-case hex. */
  readonly node: string;
  /** Where it was reached last: to take keys away also once the node is forgotten. */
  readonly settings: PushSettings;
  /** Files that are there, or were about to be. */
  readonly files: readonly { readonly path: string; readonly key: KeyName }[];
  /** Programs that have not run since their file changed. */
  readonly due: readonly { readonly argv: readonly string[]; readonly keys: readonly KeyName[] }[];
  /** A push is under way, or was broken off: its temporary files may lie beside those. */
  readonly begun?: true;
}
export const pushes = createTable<PushRow>("pushes/", (row) => row.node);
/** When a volume's key went to a node, who asks for it and who said yes. `node` and `grant` name the row. */
export interface UnlockRow {
  /** As in `DeliveryRow`. */
  readonly node: string;
  readonly grant: GrantId;
  /** The openings of the last 24 hours, the oldest first; 1,000 at most. */
  readonly opened: readonly UnixMs[];
  /** The node waits for approval since then. */
  readonly asked?: UnixMs;
  /** Not used up yet; one a principal. */
  readonly approvals: readonly { readonly by: string; readonly at: UnixMs }[];
}
export const unlocks = createTable<UnlockRow>("unlocks/", (row) => `${row.node}/${row.grant}`);

/** The shares of a volume's recovery key, sealed to its holders by the node. `node` and `volume` name the row. */
export interface EscrowRow {
  /** As in `DeliveryRow`. */
  readonly node: string;
  readonly volume: VolumeName;
  readonly grant: GrantId;
  /** Whose rules say who may fetch them. */
  readonly key: KeyName;
  /** As LUKS writes it. */
  readonly uuid: string;
  /** Names the recovery key: 16 hexadecimal digits. */
  readonly id: string;
  /** Counts the volume's recovery keys, from 1. */
  readonly generation: number;
  readonly threshold: number;
  /** In order of their shares, as the grant had them. */
  readonly holders: readonly Holder[];
  /** One for each, base64: docs/formats/escrow.md, sealed under the root key once more. */
  readonly sealed: readonly string[];
  readonly made: UnixMs;
  /** When they were handed out last. */
  readonly fetched?: UnixMs;
  /** Since when an operator wants a new one. */
  readonly renew?: UnixMs;
}
export const escrows = createTable<EscrowRow>("escrows/", (row) => `${row.node}/${row.volume}`);

/** Where a version's sealed value lies. */
export function versionKey(name: KeyName, version: VersionNumber): string {
  return `versions/${name}@${String(version).padStart(8, "0")}`;
}
