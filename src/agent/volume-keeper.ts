/**
 * Volume keeper: what a running agent does for volumes by itself: opens those that it is granted, once for each run;
 * rotates those whose key has a new version; closes those that are granted no more. It works behind the files, which
 * never wait for a disk. What it was granted last is kept, so that a volume that was lost while no agent ran is closed.
 */
import type { ResponseOf } from "../api/shapes.ts";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { isKeywardError, type KeywardError } from "../base/errors.ts";
import { canonicalJson, parseJson } from "../base/json.ts";
import type { DurationMs } from "../base/time.ts";
import type { DiskHost } from "../disk/disk.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { parseVolumeName, type UnlockDelivery } from "../model/volume.ts";
import type { HeldVersion } from "./installed.ts";
import type { AgentLog } from "./log.ts";
import type { State } from "./state.ts";
import type { Volumes } from "./volumes.ts";
import type { Failure } from "./wanted.ts";

/** As a bundle names it. */
export interface GrantedVolume {
  readonly grant: string;
  readonly key: KeyName;
  /** That it should open with. */
  readonly version: VersionNumber;
  readonly delivery: UnlockDelivery;
}

/** One that is kept, and the version that opens it, as far as this agent has seen. */
export interface KnownVolume extends GrantedVolume {
  readonly opensWith?: VersionNumber;
}

export interface VolumeKeeper {
  /** What the server says now; what follows from it is done later. */
  want(volumes: ResponseOf<"agent.bundle">["volumes"]): void;
  /** When all that was begun is done. */
  settled(): Promise<void>;
}

export interface VolumeKeeperParts {
  readonly state: State;
  readonly host: DiskHost;
  readonly volumes: Volumes;
  /** systemd opens it at boot, and asks us for its key. */
  readonly isSystemds: (name: string) => boolean;
  readonly onWithdrawn: (held: readonly HeldVersion[]) => void;
  readonly onFailures: (failures: readonly Failure[]) => void;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
}

const BUDGET = 60_000 as DurationMs;
const PATIENCE = 10_000 as DurationMs;
const limits = { size: 1_048_576, depth: 8, count: 20_000 };

/** @returns Those that this node was granted last. */
export function loadVolumes(state: Pick<State, "read" | "path">): KnownVolume[] {
  const kept = state.read("volumes.json");
  if (kept === null) return [];
  const what = `${state.path}/volumes.json`;
  const { volumes } = parseJson(fromUtf8(kept.reveal(), what), what, limits) as unknown as {
    volumes: KnownVolume[];
  };
  return volumes.map((one) => ({
    ...one,
    delivery: { ...one.delivery, name: parseVolumeName(one.delivery.name) },
  }));
}

export function createVolumeKeeper(parts: VolumeKeeperParts): VolumeKeeper {
  const { state, host, volumes, isSystemds, log, signal } = parts;
  const known = new Map<string, KnownVolume>(loadVolumes(state).map((one) => [one.grant, one]));
  const tried = new Set<string>();
  let tail: Promise<void> = Promise.resolve();

  function save(): void {
    const all = [...known.values()].sort((a, b) => (a.grant < b.grant ? -1 : 1));
    state.write("volumes.json", utf8(canonicalJson({ volumes: all } as never)));
  }

  function later(volume: KnownVolume, work: () => Promise<void>): void {
    tail = tail.then(work).catch((error) => {
      if (!isKeywardError(error)) throw error;
      told(volume, error);
    });
  }

  function told({ key, delivery }: KnownVolume, error: KeywardError): void {
    const message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
    log.error({ volume: delivery.name, code: error.code, reason: error.message }, "volume failed");
    parts.onFailures([{ key, path: `/dev/mapper/${delivery.name}`, message }]);
  }

  function note(volume: GrantedVolume, opensWith: VersionNumber): void {
    if (!known.has(volume.grant)) return;
    known.set(volume.grant, { ...volume, opensWith });
    save();
  }

  async function tend(volume: GrantedVolume): Promise<void> {
    const { grant, delivery, version } = volume;
    const { name } = delivery;
    const isOpen = (await host.luks.status(name)) !== null;
    if (!isOpen) {
      if (tried.has(grant) || isSystemds(name)) return;
      tried.add(grant);
      const { version: opened, made, failures } = await volumes.unlock(name, BUDGET, signal);
      note(volume, opened);
      log.info({ volume: name, version: opened, made }, "volume open");
      for (const failure of failures) told(volume, failure);
      if (opened === version) return;
    }
    const opensWith = known.get(grant)?.opensWith;
    if (opensWith === undefined || opensWith === version) return;
    const { version: next, removed } = await volumes.rotate(name, BUDGET, signal);
    note(volume, next);
    log.info({ volume: name, version: next, removed: removed.length }, "volume has its next key");
  }

  async function lose({ grant, key, version, delivery, opensWith }: KnownVolume): Promise<void> {
    const how = await volumes.close(delivery, {
      evictAfter: PATIENCE,
      orSuspend: true,
      suspend: delivery.atLoss === "suspend",
    });
    known.delete(grant);
    save();
    tried.delete(grant);
    log.warn({ volume: delivery.name, how }, "volume is granted no more");
    const held = new Set([version, ...(opensWith === undefined ? [] : [opensWith])]);
    parts.onWithdrawn([...held].map((one) => ({ key, version: one })));
  }

  return {
    want(given = []) {
      const wanted = given as unknown as readonly GrantedVolume[];
      const now = new Set(wanted.map(({ grant }) => grant));
      const lost = [...known.values()].filter(({ grant }) => !now.has(grant));
      const before = canonicalJson([...known.values()] as never);
      for (const one of wanted) {
        const opensWith = known.get(one.grant)?.opensWith;
        known.set(one.grant, { ...one, ...(opensWith === undefined ? {} : { opensWith }) });
      }
      if (canonicalJson([...known.values()] as never) !== before) save();
      for (const one of lost) later(one, () => lose(one));
      for (const one of wanted) later(one, () => tend(one));
    },
    settled: () => tail,
  };
}
