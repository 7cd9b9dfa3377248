/**
 * Pillar: what a node should hold, as a configuration manager hands it on to the node's states: names, places and
 * versions, and volumes in the shape of Salt states for LUKS. It is references, no values: what renders a
 * pillar keeps it, on its own disk and the node's. With values only for who asks for them, and may read each.
 */
import type { Act, Caller, Journal } from "../audit/audit.ts";
import { fromUtf8, toBase64 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { type InstallPath, isUnlock, placeOf } from "../model/grant.ts";
import type { VersionNumber } from "../model/key.ts";
import { type KeyName, type NodeName, parseNodeName, printable } from "../model/name.ts";
import type { UnlockDelivery } from "../model/volume.ts";
import { grants, nodes } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";
import { isAsSeen, isOfVolume, type OpenVersion, Stale } from "./bundle.ts";
import type { NodeEntry } from "./entries.ts";
import type { Desired } from "./placements.ts";
import type { Roster } from "./roster.ts";

export interface PillarKey {
  readonly version: VersionNumber;
  /** In order; relative ones lie below the agent's key directory. */
  readonly paths: readonly InstallPath[];
  /** Of the node's own seed, when the node derives it. */
  readonly realm?: string;
  /** The value, when it was asked for and is text. */
  readonly value?: string;
  /** The value, when it was asked for and is no text. */
  readonly base64?: string;
}

/** The names of the members are those of the states that read it. */
export interface PillarVolume {
  readonly key: KeyName;
  readonly version: VersionNumber;
  readonly dev_name: string;
  readonly vg_name?: string;
  readonly lv_name?: string;
  readonly mountpoint?: string;
  readonly fstype?: string;
  /** Units that start once it is mounted. */
  readonly services: readonly string[];
}

export interface Pillar {
  readonly keyward: { readonly node: NodeName; readonly keys: Readonly<Record<string, PillarKey>> };
  /** By the volume's name. No key of a volume is ever in here: it goes out when the node opens it. */
  readonly luks: Readonly<Record<string, PillarVolume>>;
}

export interface Pillars {
  /**
   * Needs `node:read` on the node, unless it is the caller, who has it without values; with `values` also `key:read` on each key that has one, of which each has its event.
   *
   * @throws KeywardError `denied`, also unless the node is active; `not-found`; `busy` when changes come too fast.
   */
  pillar(caller: Caller, node: string, options?: { values?: boolean }): Promise<Pillar>;
}

export interface PillarNeeds {
  readonly journal: Journal;
  readonly roster: Roster;
  readonly openVersion: OpenVersion;
}

type Written = Pick<PillarKey, "value" | "base64">;

/** Each attempt follows a commit that came between. */
const ATTEMPTS = 10;

export function createPillars({ journal, roster, openVersion }: PillarNeeds): Pillars {
  async function attempt(caller: Caller, name: NodeName, values: boolean): Promise<Pillar> {
    const entry = roster.nodes.get(name);
    const desired = entry?.state === "active" ? roster.placements(name).desired : [];
    const valued = values ? firstOfEach(desired.filter(hasValue)) : [];
    const acts: Act[] = [
      { ...caller, action: caller.by.kind === "node" ? "node:pillar" : "node:read", resource: name },
      ...valued.map((one): Act => ({ ...caller, action: "key:read", resource: one.grant.key })),
    ];
    return journal.actAll(acts, async (tx, details) => {
      assertActive(name, entry);
      for (const detail of details) Object.assign(detail, { node: name, pillar: true });
      await assertAsSeen(tx, entry, desired);
      const opened = new Map<KeyName, Written>();
      for (const [i, { grant, version }] of valued.entries()) {
        opened.set(grant.key, await openedOf(tx, grant.key, version));
        Object.assign(details[i + 1] ?? {}, { version });
      }
      return pillarOf(name, desired, opened);
    });
  }

  /** @throws Stale when the version is no longer there. */
  async function openedOf(tx: Transaction, key: KeyName, version: VersionNumber): Promise<Written> {
    try {
      using value = await openVersion(tx, key, version);
      return written(value);
    } catch (error) {
      throw isKeywardError(error, "not-found") ? new Stale() : error;
    }
  }

  /** @throws Stale unless node and grants are still what the roster saw. */
  async function assertAsSeen(tx: Transaction, entry: NodeEntry, desired: readonly Desired[]): Promise<void> {
    if (!(await isAsSeen(tx, nodes.keyOf(entry.name), entry.mark))) throw new Stale();
    for (const { grant } of desired) {
      const mark = roster.grants.get(grant.id)?.mark;
      if (mark === undefined || !(await isAsSeen(tx, grants.keyOf(grant.id), mark))) throw new Stale();
    }
  }

  return {
    async pillar(caller, text, { values = false } = {}) {
      const name = parseNodeName(text);
      for (let left = ATTEMPTS; left > 0; left--) {
        try {
          return await attempt(caller, name, values);
        } catch (error) {
          if (!(error instanceof Stale)) throw error;
        }
      }
      throw new KeywardError("busy", `node ${name}: what it should hold changes too fast`, {
        hint: "ask again",
      });
    },
  };
}

function assertActive(name: NodeName, entry: NodeEntry | undefined): asserts entry is NodeEntry {
  if (entry === undefined)
    throw new KeywardError("not-found", `no node ${printable(name)}`, { hint: "see: keyward node list" });
  if (entry.state !== "active")
    throw new KeywardError("denied", `node ${name} is ${entry.state}`, { hint: "see: keyward node show" });
}

const hasValue = ({ grant, derived }: Desired): boolean => !isUnlock(grant) && derived === undefined;

function firstOfEach(desired: readonly Desired[]): Desired[] {
  return [...new Map(desired.map((one) => [one.grant.key, one])).values()];
}

function written(value: Secret): Written {
  const bytes = value.reveal();
  try {
    return { value: fromUtf8(bytes, "the value") };
  } catch {
    return { base64: toBase64(bytes) };
  }
}

function pillarOf(
  node: NodeName,
  desired: readonly Desired[],
  opened: ReadonlyMap<KeyName, Written>,
): Pillar {
  const keys = new Map<string, PillarKey>();
  for (const { grant, version, derived } of desired.filter(({ grant }) => !isUnlock(grant))) {
    const before = keys.get(grant.key)?.paths ?? [];
    keys.set(grant.key, {
      version,
      paths: [...before, placeOf(grant.delivery)],
      ...(derived === undefined ? {} : { realm: derived.derivation.realm }),
      ...opened.get(grant.key),
    });
  }
  const volumes = desired
    .filter(isOfVolume)
    .map(({ grant: { key, delivery }, version }) => [delivery.name, { key, version, ...volumeOf(delivery) }]);
  return { keyward: { node, keys: Object.fromEntries(keys) }, luks: Object.fromEntries(volumes) };
}

function volumeOf({ device, beneath, mount, start }: UnlockDelivery): Omit<PillarVolume, "key" | "version"> {
  return {
    dev_name: device,
    ...(beneath === undefined ? {} : { vg_name: beneath.group, lv_name: beneath.volume }),
    ...(mount === undefined ? {} : { mountpoint: mount.point, fstype: mount.fstype }),
    services: start,
  };
}
