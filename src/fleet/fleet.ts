/**
 * Fleet: who gets what. Grants × nodes give what every node should hold; bundles bring it there, reports prove it,
 * and the plan is the difference.
 *
 *     nodes.ts, grants.ts  the acts of operators          plan.ts        what is to be done, and why
 *     inventory.ts         what sources say of nodes
 *     bundle.ts            values to a node               preview.ts     what a change would do
 *     pillar.ts            references for a configuration manager
 *     report.ts            proofs from a node             rotation.ts    has everyone proved the next version?
 *     unlock.ts            a volume's key, when asked     volumes.ts     which there are, and who waits
 *     escrows.ts           sealed shares of recovery keys
 *     roster.ts            nodes × grants, in memory      ledger.ts      deliveries, in memory
 *     follow.ts            both, kept current             watching.ts    who is told of changes
 *     placements.ts        what one node should hold, and the difference between two such states
 */
import type { Caller, Journal } from "../audit/audit.ts";
import { isKeywardError } from "../base/errors.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import type { FactTable } from "../model/facts.ts";
import { type DeliveryRecord, isUnlock } from "../model/grant.ts";
import type { VersionNumber } from "../model/key.ts";
import { type KeyName, type NodeName, parseKeyName } from "../model/name.ts";
import type { Node, NodeState } from "../model/node.ts";
import type { PlanLine } from "../model/plan.ts";
import type { Query } from "../model/query/query.ts";
import type { RootKey } from "../seal/root-key.ts";
import type { Revision, Store, Transact } from "../store/store.ts";
import { type Bundle, createBundles, type HeldVersion, type OpenVersion } from "./bundle.ts";
import { createChallenges } from "./challenge.ts";
import { isAbout } from "./claims.ts";
import { createEscrowBook } from "./escrow-book.ts";
import { createEscrows, type Escrows } from "./escrows.ts";
import { follow } from "./follow.ts";
import { createGrants, type Grants } from "./grants.ts";
import { createInventories, type Inventories } from "./inventory.ts";
import { createLedger } from "./ledger.ts";
import { createNodes, type Nodes } from "./nodes.ts";
import { createOpened } from "./opened.ts";
import { createPillars, type Pillars } from "./pillar.ts";
import { createPlans, type Plans } from "./plan.ts";
import { createPreview } from "./preview.ts";
import { createReports, type Report, type ReportAnswer } from "./report.ts";
import { createRoster } from "./roster.ts";
import { createRotations, type OnProved } from "./rotation.ts";
import { createUnlocks, type Unlocks } from "./unlock.ts";
import { createWatching, type Notice } from "./watching.ts";

export type { Bundle, BundleEntry, HeldVersion, OpenVersion } from "./bundle.ts";
export type { GrantInput, Grants } from "./grants.ts";
export type { Inventories, InventoryPut, NodeParts } from "./inventory.ts";
export type { Nodes } from "./nodes.ts";
export type { Explained, Plans, Why } from "./plan.ts";
export { isProof, prove } from "./proof.ts";
export type { Drift, Report, ReportAnswer } from "./report.ts";
export type { UnlockAnswer, VolumeRow } from "./unlock.ts";
export type { Notice } from "./watching.ts";

export interface FleetNeeds {
  readonly journal: Journal;
  /** For loading and watching; every write goes through `transact` or `journal`. */
  readonly store: Store;
  readonly transact: Transact;
  readonly rootKey: RootKey;
  readonly openVersion: OpenVersion;
  readonly clock: Clock;
  readonly random: Random;
}

export interface FleetStatus {
  readonly nodes: Readonly<Record<NodeState, number>>;
  readonly grants: number;
  readonly keys: number;
  /** Nodes with a watch open. */
  readonly watching: number;
  /** The newest commit that concerned the fleet. */
  readonly revision: Revision;
}

/** What a version did among the nodes. */
export interface KeyDelivery extends DeliveryRecord {
  readonly node: NodeName;
}

/** A node as others may decide by it. */
export interface KnownNode {
  /** Attributes that may grant. */
  readonly facts: FactTable;
  /** What it should hold, but for derived keys, whose values are not here, and keys of volumes. */
  readonly keys: readonly KnownKey[];
}

export interface KnownKey {
  readonly key: KeyName;
  readonly version: VersionNumber;
  /** Tells the key from an earlier one of the same name. */
  readonly created: UnixMs;
}

export interface Fleet extends Plans, Unlocks, Escrows, Pillars {
  readonly nodes: Nodes;
  readonly grants: Grants;
  readonly inventories: Inventories;

  /**
   * Everything that the calling node should hold, with the values that are not in `held`. One event `node:deliver`
   * for each value, in the transaction that records the delivery. A node is believed that it holds a version only
   * if it was sent to it.
   *
   * @throws KeywardError `denied` unless the node is active, with an event; `busy` when changes come too fast.
   */
  bundleFor(caller: Caller, held: readonly HeldVersion[]): Promise<Bundle>;
  /**
   * Be told, once a turn, when what a node should hold may have changed, or that it is refused (at once when it is
   * already). A frozen node is told nothing.
   *
   * @returns Ends it.
   */
  changed(node: NodeName, listener: (notice: Notice) => void): () => void;
  /** Does the node have a watch open? */
  isWatched(node: NodeName): boolean;
  /** @throws KeywardError `denied` unless the node is active; `too-large` when it says too much about itself. */
  report(caller: Caller, report: Report): Promise<ReportAnswer>;

  /** For Secretary's duties; no permission is checked. `null` unless the node is active. */
  known(name: NodeName): KnownNode | null;

  /** Nodes that a query selects; all without one. No permission is checked. */
  selected(query: Query | null): NodeName[];
  /** Does a node hold a version of the key, or should it? No permission is checked. */
  concerns(node: NodeName, key: KeyName): boolean;
  /** Nodes without an agent. */
  pushed(): NodeName[];
  /** Told, once a turn, which of them may have something to be pushed, withdrawals from revoked ones among it. */
  onPush(listener: (nodes: readonly NodeName[]) => void): () => void;
  /** As a node is named in what is kept of its deliveries. @throws KeywardError `sealed`, `uninitialised` */
  hashOf(node: NodeName): string;
  /** What was delivered to a node. No permission is checked. */
  delivered(node: NodeName): readonly DeliveryRecord[];

  /** Does this version open a volume somewhere, as far as is known? Then it must not end. */
  opensVolume(key: KeyName, version: VersionNumber): boolean;

  /** Who received a key, by name; nodes that are forgotten are left out. No permission is checked: for key history. */
  recipients(key: string): KeyDelivery[];
  /** Have all active nodes that should hold the key proved its pending version? */
  pendingProved(key: KeyName): boolean;
  /** Called when they have; again, at the next change, if it fails. Looks at all keys at once when registered. */
  onProved(listener: OnProved): () => void;
  /** Look at all rotations again: after an unseal. */
  resume(): void;

  /** What it would do to whom if the node became this; `null`: forgotten. For those who write nodes besides us. */
  previewNode(name: NodeName, after: Node | null): PlanLine[];
  /** What it would do to whom if the key were removed. */
  previewKeyRemoval(key: KeyName): PlanLine[];

  status(): FleetStatus;
  close(): void;
}

/** @throws KeywardError `integrity` when a record is not what its table holds. */
export async function createFleet(needs: FleetNeeds): Promise<Fleet> {
  const { roster, ledger, book, following } = await load(needs);
  const { revision } = following;
  const preview = createPreview(roster, ledger);
  const own = { challenges: createChallenges(needs), opened: createOpened(needs) };
  const parts = { ...needs, ...own, roster, ledger, book, preview, revision };
  const watching = createWatching(roster);
  book.onChange((hash) => {
    // One that listens was asked for its hash when it got its bundle.
    const node = ledger.nodeOf(hash);
    if (node !== undefined) watching.tell(node);
  });
  const rotations = createRotations(roster, ledger);
  return {
    nodes: createNodes(parts),
    grants: createGrants(parts),
    inventories: createInventories(parts),
    ...createPlans(parts),
    ...createPillars(parts),
    ...createBundles(parts),
    ...createReports(parts),
    selected: (query) => (query === null ? [...roster.names()] : roster.select(query)),
    concerns(node, key) {
      const record = ledger.get(node, key);
      if (record !== undefined && record.withdrawn === undefined) return true;
      return roster.placements(node).desired.some(({ grant }) => grant.key === key);
    },
    pushed: () => [...roster.nodes.values()].flatMap(({ name, pushed }) => (pushed ? [name] : [])),
    onPush: (listener) =>
      roster.onChange(({ desired, refused }) => {
        const told = [...desired, ...refused].filter((name) => roster.nodes.get(name)?.pushed ?? true);
        if (told.length > 0) listener(told);
      }),
    hashOf: (node) => ledger.hashOf(node),
    delivered: (node) => ledger.of(node),
    ...createUnlocks(parts),
    ...createEscrows(parts),
    changed: watching.changed,
    isWatched: watching.isWatched,
    known(name) {
      const entry = roster.nodes.get(name);
      if (entry?.state !== "active" || entry.facts === null) return null;
      const { desired } = roster.placements(name);
      const keys = desired.flatMap(({ grant, version, derived }): KnownKey[] => {
        const { key } = grant;
        const created = roster.keys.get(key)?.created;
        return created === undefined || derived !== undefined || isUnlock(grant)
          ? []
          : [{ key, version, created }];
      });
      return { facts: entry.facts.granting, keys };
    },
    opensVolume(key, version) {
      if (!roster.grantsOf(key).some(({ grant }) => isUnlock(grant))) return false;
      return roster.names().some((node) => {
        const { state } = roster.nodes.get(node) ?? {};
        const record = state === "active" || state === "frozen" ? ledger.get(node, key) : undefined;
        return record !== undefined && record.withdrawn === undefined && isAbout(record, version);
      });
    },
    recipients(key) {
      const name = parseKeyName(key);
      return roster.names().flatMap((node): KeyDelivery[] => {
        const record = ledger.get(node, name);
        return record === undefined ? [] : [{ node, ...record }];
      });
    },
    pendingProved: rotations.pendingProved,
    onProved: rotations.onProved,
    resume: rotations.resume,
    previewNode: preview.node,
    previewKeyRemoval: preview.keyRemoved,
    status: () => ({
      nodes: countStates(roster.nodes.values()),
      grants: roster.grants.size,
      keys: roster.keys.size,
      watching: watching.count(),
      revision: revision(),
    }),
    close: following.close,
  };
}

/** Starts over when more was deleted while it read than the store keeps track of. */
async function load({ store, rootKey }: FleetNeeds) {
  const ledger = createLedger(rootKey);
  const book = createEscrowBook();
  for (;;) {
    const roster = createRoster();
    ledger.clear();
    book.clear();
    try {
      return { roster, ledger, book, following: await follow(store, roster, ledger, book) };
    } catch (error) {
      if (!isKeywardError(error, "compacted")) throw error;
    }
  }
}

function countStates(entries: Iterable<{ readonly state: NodeState }>): Record<NodeState, number> {
  const counts = { pending: 0, active: 0, frozen: 0, revoked: 0 };
  for (const { state } of entries) counts[state]++;
  return counts;
}
