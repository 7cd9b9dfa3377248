/**
 * Bundles: everything that one node should hold, with the values that it does not hold yet. What is sent, the
 * event that says so and the record of the delivery are one transaction; where nothing has to be sent, nothing
 * is written.
 */
import type { Caller, Journal } from "../audit/audit.ts";
import { toBase64 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import {
  type DeliveryRecord,
  type FileDelivery,
  type GrantId,
  type GrantOf,
  type InstallPath,
  isFile,
  isUnlock,
  placeOf,
} from "../model/grant.ts";
import { type DerivedAs, deliverableOf, type VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { formatPrincipal, type NodeAction } from "../model/principal.ts";
import type { UnlockDelivery } from "../model/volume.ts";
import { deliveries, grants, keys, nodes } from "../records/records.ts";
import type { Revision, Transaction } from "../store/store.ts";
import type { Challenges } from "./challenge.ts";
import { markOf } from "./entries.ts";
import { type EscrowBook, type RecoveryState, recoveryOf } from "./escrow-book.ts";
import type { Ledger } from "./ledger.ts";
import type { Opened } from "./opened.ts";
import type { Desired, Refusal } from "./placements.ts";
import type { Roster } from "./roster.ts";

export interface BundleEntry {
  readonly grant: GrantId;
  readonly key: KeyName;
  readonly version: VersionNumber;
  readonly delivery: FileDelivery;
  /** Base64; absent when the node holds this version, or derives it. */
  readonly value?: string;
  /** How the node makes this version from its own seed; always said of a derived one. */
  readonly derived?: DerivedAs;
}

/** A volume that the node may ask the key of: `agent.unlock`. No key goes with a bundle. */
export interface BundleVolume {
  readonly grant: GrantId;
  readonly key: KeyName;
  readonly version: VersionNumber;
  readonly delivery: UnlockDelivery;
  /** Absent unless its grant names holders. */
  readonly recovery?: RecoveryState;
}

/** As `agent.bundle` answers it, but for the certificates to trust. */
export interface Bundle {
  readonly revision: Revision;
  /** In order of path; what is not in here is withdrawn. */
  readonly entries: readonly BundleEntry[];
  /** In order of name; absent when there are none. */
  readonly volumes?: readonly BundleVolume[];
  /** 32 bytes, base64. */
  readonly challenge: string;
}

/** What a node says that it holds. */
export interface HeldVersion {
  readonly key: string;
  readonly version: number;
}

/** Opens a version of a key. @throws KeywardError `not-found` when it is not there or destroyed. */
export type OpenVersion = (
  tx: Transaction,
  name: KeyName,
  version: VersionNumber,
  /** `over`: also when its retiring time is over. */
  how?: { readonly over?: boolean },
) => Promise<Secret>;

export interface BundleNeeds {
  readonly journal: Journal;
  readonly opened: Opened;
  readonly clock: Clock;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly book: EscrowBook;
  readonly challenges: Challenges;
  readonly revision: () => Revision;
}

/** One entry to be recorded, with its value unless the node holds that and only the place is new. */
interface Due {
  readonly desired: Desired;
  readonly withValue: boolean;
}

/** The store is ahead of what this answer was made from: make it again. */
export class Stale extends Error {}

/** Each attempt follows a commit that came between, so more than a few mean that the roster has stopped. */
const ATTEMPTS = 10;

export function createBundles(needs: BundleNeeds) {
  const { journal, roster, ledger, book, challenges, opened, revision } = needs;
  const told = createOnce();

  function dueOf(node: NodeName, desired: readonly Desired[], held: readonly HeldVersion[]): Due[] {
    const holds = new Map(held.map((one) => [one.key, one.version]));
    return desired.flatMap((one): Due[] => {
      const { key } = one.grant;
      const record = ledger.get(node, key);
      const known = record?.version === one.version && record.withdrawn === undefined;
      if (!known || holds.get(key) !== one.version) return [{ desired: one, withValue: true }];
      return isSamePlaces(record.paths, pathsOf(key, desired)) ? [] : [{ desired: one, withValue: false }];
    });
  }

  function volumeOf(node: NodeName, { grant: { id, key, delivery }, version }: OfVolume): BundleVolume {
    const recovery = recoveryOf(delivery, book.get(ledger.hashOf(node), delivery.name));
    return { grant: id, key, version, delivery, ...(recovery === null ? {} : { recovery }) };
  }

  async function attempt(caller: Caller, node: NodeName, held: readonly HeldVersion[]): Promise<Bundle> {
    const entry = roster.nodes.get(node);
    if (entry?.state !== "active") return refuse(journal, caller, node, entry?.state);
    const { desired: all, refused } = roster.placements(node);
    const desired = all.filter(isOfFile);
    const volumes = all.filter(isOfVolume).map((one) => volumeOf(node, one));
    await noteRefusals(node, refused);
    const due = dueOf(node, desired, held);
    const head = { revision: revision(), challenge: toBase64(challenges.ask()) };
    const values =
      due.length === 0 ? new Map() : await deliver(needs, caller, { node, mark: entry.mark, desired, due });
    const entries = desired.map((one) => entryOf(one, values));
    return volumes.length === 0 ? { ...head, entries } : { ...head, entries, volumes };
  }

  async function noteRefusals(node: NodeName, refused: readonly Refusal[]): Promise<void> {
    for (const { grant, holder } of refused) {
      if (!told.first(`${node} ${grant.id} ${holder.id}`)) continue;
      const reason = `${holder.id} already has ${placeOf(holder.delivery)}`;
      const detail = { key: grant.key, grant: grant.id, path: placeOf(grant.delivery), reason };
      await journal.note({
        by: "system:server",
        action: "node:deliver",
        resource: node,
        outcome: "failed",
        detail,
      });
    }
  }

  return {
    /** See `Fleet.bundleFor`. */
    async bundleFor(caller: Caller, held: readonly HeldVersion[]): Promise<Bundle> {
      const node = nodeOf(caller);
      return opened.during(async () => {
        for (let left = ATTEMPTS; left > 0; left--) {
          try {
            return await attempt(caller, node, held);
          } catch (error) {
            if (!(error instanceof Stale)) throw error;
          }
        }
        throw new KeywardError("busy", `node ${node}: what it should hold changes too fast`, {
          hint: "ask again",
        });
      });
    },
  };
}

export function nodeOf({ by }: Caller): NodeName {
  if (by.kind === "node") return by.name;
  throw new KeywardError("denied", `${formatPrincipal(by)}: only a node asks for its own bundle`);
}

/** A refusal has an event; what the node holds stays as it is. */
export async function refuse(
  journal: Journal,
  caller: Caller,
  node: NodeName,
  state = "forgotten",
  action: NodeAction = "node:deliver",
): Promise<never> {
  const detail = { state, ...(caller.request === undefined ? {} : { request: caller.request }) };
  await journal.note({
    by: formatPrincipal(caller.by),
    action,
    resource: node,
    outcome: "denied",
    detail,
  });
  throw new KeywardError("denied", `node ${node} is ${state}`, {
    hint: "ask an operator: keyward node show",
  });
}

interface Delivery {
  readonly node: NodeName;
  readonly mark: string;
  readonly desired: readonly Desired[];
  readonly due: readonly Due[];
}

/** @returns The values by key. @throws Stale when node, grant or version is no longer what it was. */
async function deliver(
  needs: BundleNeeds,
  caller: Caller,
  delivery: Delivery,
): Promise<Map<KeyName, string>> {
  const { journal, ledger, clock } = needs;
  const { node, desired, due } = delivery;
  const hash = ledger.hashOf(node);
  const acts = due.map(() => ({ ...caller, action: "node:deliver", resource: node }) as const);
  return journal.actAll(acts, async (tx, details) => {
    if (!(await isAsSeen(tx, nodes.keyOf(node), delivery.mark))) throw new Stale();
    const values = new Map<KeyName, string>();
    for (const [i, { desired: one, withValue }] of due.entries()) {
      const { grant, version } = one;
      const mark = needs.roster.grants.get(grant.id)?.mark;
      if (mark === undefined || !(await isAsSeen(tx, grants.keyOf(grant.id), mark))) throw new Stale();
      if (one.derived !== undefined) await assertDeliverable(tx, one);
      else if (withValue && !values.has(grant.key)) values.set(grant.key, await valueFor(needs, tx, one));
      const record = recordOf(one, desired, ledger.get(node, grant.key), withValue, clock);
      deliveries.put(tx, { node: hash, ...record });
      Object.assign(details[i] ?? {}, {
        key: grant.key,
        version,
        grant: grant.id,
        ...(one.derived === undefined ? {} : { derived: true }),
        ...(withValue ? {} : { held: true }),
      });
    }
    return values;
  });
}

export async function isAsSeen(tx: Transaction, key: string, mark: string): Promise<boolean> {
  const bytes = await tx.get(key);
  return bytes !== null && markOf(bytes) === mark;
}

async function valueFor({ opened }: BundleNeeds, tx: Transaction, one: Desired): Promise<string> {
  try {
    return await opened.base64(tx, one.grant.key, one.version);
  } catch (error) {
    throw isKeywardError(error, "not-found") ? new Stale() : error;
  }
}

/** @throws Stale when the key's derived version is no longer this one. */
async function assertDeliverable(tx: Transaction, { grant, version }: Desired): Promise<void> {
  const key = await keys.get(tx, grant.key);
  const now = key === null ? null : deliverableOf(key);
  if (now?.number !== version || now.derived === undefined) throw new Stale();
}

/**
 * @param before - The record so far. It goes on when the node holds the version and only the places are new; a
 *   version that is sent anew because it could not be put in place still has that said of it, and what was shown
 *   of a derived one is what the next proof is held against.
 */
function recordOf(
  { grant: { key }, version }: Desired,
  all: readonly Desired[],
  before: DeliveryRecord | undefined,
  withValue: boolean,
  clock: Clock,
): DeliveryRecord {
  const paths = pathsOf(key, all);
  if (before !== undefined && !withValue) return { ...before, paths };
  const { failed, shown } = before?.version === version ? before : ({} as Partial<DeliveryRecord>);
  return {
    key,
    version,
    paths,
    delivered: clock(),
    ...(failed === undefined ? {} : { failed }),
    ...(shown === undefined ? {} : { shown }),
  };
}

/** In order of path, as `desired` is. */
function pathsOf(key: KeyName, desired: readonly Desired[]): InstallPath[] {
  return desired.filter(({ grant }) => grant.key === key).map(({ grant }) => placeOf(grant.delivery));
}

function isSamePlaces(a: readonly InstallPath[], b: readonly InstallPath[]): boolean {
  return a.length === b.length && a.every((path, i) => path === b[i]);
}

interface OfFile extends Desired {
  readonly grant: GrantOf<FileDelivery>;
}

interface OfVolume extends Desired {
  readonly grant: GrantOf<UnlockDelivery>;
}

const isOfFile = (one: Desired): one is OfFile => isFile(one.grant);
export const isOfVolume = (one: Desired): one is OfVolume => isUnlock(one.grant);

function entryOf({ grant, version, derived }: OfFile, values: ReadonlyMap<KeyName, string>): BundleEntry {
  const value = values.get(grant.key);
  const { id, key, delivery } = grant;
  return {
    grant: id,
    key,
    version,
    delivery,
    ...(value === undefined ? {} : { value }),
    ...(derived === undefined ? {} : { derived }),
  };
}

/** Remembers what was said, so that it is said once. Bounded: it forgets all when it is full. */
function createOnce(limit = 10_000): { first(text: string): boolean } {
  const said = new Set<string>();
  return {
    first(text) {
      if (said.has(text)) return false;
      if (said.size >= limit) said.clear();
      said.add(text);
      return true;
    },
  };
}
