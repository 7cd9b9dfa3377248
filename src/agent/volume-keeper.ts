/**
 * Volume keeper: what a running agent does for volumes by itself: opens those that it is granted, once for each run;
 * rotates those whose key has a new version; closes those that are granted no more, or that a freeze closes. It works
 * behind the files, which never wait for a disk, and on all volumes at once. What it was granted last is kept, so that
 * a volume opens while no server answers if its grant allows it, and one that was lost while no agent ran is closed.
 */
import { existsSync } from "node:fs";
import type { ResponseOf } from "../api/shapes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { DurationMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { cryptUnit, type DiskHost, isRecoveryDue, RECOVERY } from "../disk/disk.ts";
import type { VersionNumber } from "../model/key.ts";
import { type AtLoss, type Escrow, encryptedDevice, type VolumeName } from "../model/volume.ts";
import type { HeldVersion } from "./installed.ts";
import {
  type GrantedVolume,
  type KnownVolume,
  loadVolumes,
  type RecoveryState,
  saveVolumes,
} from "./known-volumes.ts";
import type { AgentLog } from "./log.ts";
import { type Backoff, createBackoff, type Wait } from "./pace.ts";
import type { State } from "./state.ts";
import type { VolumeSpares } from "./volume-spares.ts";
import type { Volumes } from "./volumes.ts";
import type { Failure } from "./wanted.ts";

export interface VolumeKeeper {
  /** Before a server has said anything: what was granted last. */
  start(): void;
  /** What the server says now; what follows from it is done later. */
  want(volumes: ResponseOf<"agent.bundle">["volumes"]): void;
  /** The server is there, and what it granted last is granted still. */
  confirm(): void;
  /** systemd opens it with the key that it got here. */
  opened(name: VolumeName, version: VersionNumber): void;
  /** The node is frozen: nothing opens, and what its grant says so closes. */
  freeze(): void;
  known(): readonly KnownVolume[];
  /** systemd has its key, and opens it about now: what else is to be done with it is done a little later. */
  given(name: VolumeName): void;
  /** When all that was begun is done. */
  settled(): Promise<void>;
}

export interface VolumeKeeperParts {
  readonly state: State;
  readonly host: DiskHost;
  readonly volumes: Volumes;
  readonly spares: VolumeSpares;
  readonly wait: Wait;
  readonly random: Random;
  /** systemd opens it at boot, and asks us for its key. */
  readonly isSystemds: (name: string) => boolean;
  readonly onWithdrawn: (held: readonly HeldVersion[]) => void;
  readonly onFailures: (failures: readonly Failure[]) => void;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
}

const BUDGET = 60_000 as DurationMs;
const PATIENCE = 10_000 as DurationMs;
/** Between looks whether a device has appeared, and how long. */
const DEVICE = { every: 1000, tries: 30 };
/** Before what may have passed is tried again: this, and more and more beside it. */
const AGAIN_MS = 5000;
/** What passes without anybody changing a grant: no server, no approval, a disk that is not there yet. */
const passing = [
  "unreachable",
  "timeout",
  "busy",
  "rate-limited",
  "sealed",
  "internal",
  "not-found",
] as const;

const isPassing = ({ code }: KeywardError): boolean => passing.some((one) => one === code);

export function createVolumeKeeper(parts: VolumeKeeperParts): VolumeKeeper {
  const { state, host, volumes, spares, wait, random, isSystemds, log, signal } = parts;
  const known = new Map<string, KnownVolume>(loadVolumes(state).map((one) => [one.grant, one]));
  const tried = new Set<string>();
  /** What is under way, by the volume's name: one thing at a time with each. */
  const tails = new Map<string, { readonly volume: KnownVolume; readonly work: Promise<void> }>();
  /** Of which it was said that a recovery key is lacking. */
  const nagged = new Set<string>();
  const backoffs = new Map<string, Backoff>();
  const reopened = new Set<string>();
  /** By name: systemd may ask before the server has said what is granted. */
  const early = new Map<string, VersionNumber>();

  const save = (): void => saveVolumes(state, known.values());

  /** After what is under way with it, and with those that it lies on. */
  function later(volume: KnownVolume, order: "opens" | "closes", work: () => Promise<void>): void {
    const before = [...tails.values()].flatMap((other) =>
      other.volume.delivery.name === volume.delivery.name ||
      (order === "opens" ? isBelow(volume, other.volume) : isBelow(other.volume, volume))
        ? other.work
        : [],
    );
    const mine = Promise.all(before)
      .then(work)
      .catch((error) => {
        if (!isKeywardError(error)) throw error;
        told(volume, error);
        if (order === "opens" && isPassing(error)) again(volume);
      });
    tails.set(volume.delivery.name, { volume, work: mine });
  }

  function again({ grant }: KnownVolume): void {
    tried.delete(grant);
    if (reopened.has(grant)) return;
    reopened.add(grant);
    const backoff = backoffs.get(grant) ?? createBackoff(random, 10_000, 600_000);
    backoffs.set(grant, backoff);
    void wait(AGAIN_MS + backoff.next(), signal).then(() => {
      reopened.delete(grant);
      const now = known.get(grant);
      if (now !== undefined && !signal.aborted) later(now, "opens", () => tend(now));
    });
  }

  function told({ key, delivery }: KnownVolume, error: KeywardError): void {
    const message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
    log.error({ volume: delivery.name, code: error.code, reason: error.message }, "volume failed");
    parts.onFailures([{ key, path: `/dev/mapper/${delivery.name}`, message }]);
  }

  function note(volume: GrantedVolume, opensWith: VersionNumber): void {
    const now = known.get(volume.grant);
    if (now === undefined) return;
    known.set(volume.grant, { ...now, opensWith });
    save();
  }

  /** A disk may come later than the agent; asking for its key before would be for nothing. */
  async function appears(device: string): Promise<void> {
    for (let left = DEVICE.tries; left > 0 && !existsSync(device) && !signal.aborted; left--)
      await wait(DEVICE.every, signal);
  }

  /** systemd has its key, and may take a while. */
  async function opens(name: VolumeName): Promise<void> {
    for (let left = DEVICE.tries; left > 0 && !signal.aborted; left--) {
      if ((await host.luks.status(name)) !== null) return;
      await wait(DEVICE.every, signal);
    }
  }

  async function tend(volume: KnownVolume): Promise<void> {
    const openedNow = await openOrRotate(volume);
    const { grant, delivery } = volume;
    if (delivery.escrow === undefined || (await host.luks.status(delivery.name)) === null) return;
    if (delivery.escrow.holders === undefined) {
      if (!nagged.has(grant)) await nag(volume, delivery.escrow);
    } else if (!openedNow) await escrow(known.get(grant) ?? volume);
  }

  /** As the server said last, or as it was made since. */
  async function escrow({ grant, delivery, recovery }: KnownVolume): Promise<void> {
    const { name } = delivery;
    if (recovery === undefined || !(await isRecoveryDue(host, encryptedDevice(delivery), recovery))) return;
    const made = await volumes.tendEscrow(name, BUDGET, signal);
    if (made === null) return;
    noteRecovery(grant, made);
    log.info({ volume: name, generation: made.generation }, "recovery key in the hands of its holders");
  }

  function noteRecovery(grant: string, recovery: RecoveryState): void {
    const one = known.get(grant);
    if (one === undefined) return;
    known.set(grant, { ...one, recovery });
    save();
  }

  /** Nobody but a person can make it. */
  async function nag({ grant, delivery }: KnownVolume, { threshold, shares }: Escrow): Promise<void> {
    const { name } = delivery;
    nagged.add(grant);
    const tokens = await host.luks.tokens(encryptedDevice(delivery));
    if (tokens.some(({ key }) => key === RECOVERY)) return;
    throw new KeywardError(
      "conflict",
      `volume ${name}: its grant wants a recovery key, any ${threshold} of ${shares} shares, and it has none`,
      { hint: `on the node: keyward disk escrow ${name} --out PREFIX` },
    );
  }

  /** @returns Whether it opened it now: then its recovery key was seen to on the way. */
  async function openOrRotate(volume: KnownVolume): Promise<boolean> {
    const { grant, delivery, version } = volume;
    const { name } = delivery;
    const status = await host.luks.status(name);
    if (status === null || status.suspended) {
      if (tried.has(grant)) return false;
      tried.add(grant);
      if (isSystemds(name)) {
        // It asks us for the key; nothing to do when it is at it already.
        if (host.systemd.hasVolume(name)) await host.systemd.begin(cryptUnit(name));
        return false;
      }
      await appears(delivery.device);
      const { version: opened, made, alone, failures, recovery } = await volumes.unlock(name, BUDGET, signal);
      note(volume, opened);
      if (recovery !== undefined) noteRecovery(grant, recovery);
      backoffs.delete(grant);
      log.info({ volume: name, version: opened, made }, "volume open");
      for (const failure of failures) told(volume, failure);
      if (failures.some(isPassing)) again(volume);
      if (opened === version || alone) return true;
    }
    const opensWith = known.get(grant)?.opensWith ?? (await saidByHeader(volume));
    if (opensWith === undefined || opensWith === version) return false;
    const { version: next, removed } = await volumes.rotate(name, BUDGET, signal);
    note(volume, next);
    log.info({ volume: name, version: next, removed: removed.length }, "volume has its next key");
    return false;
  }

  const closeBy = (delivery: GrantedVolume["delivery"], how: AtLoss) =>
    volumes.close(delivery, { evictAfter: PATIENCE, orSuspend: true, suspend: how === "suspend" });

  /** Of one that somebody else has opened: the initramfs, or a command. Anybody can write it there: no more than a hint. */
  async function saidByHeader({ key, delivery }: KnownVolume): Promise<VersionNumber | undefined> {
    const tokens = await host.luks.tokens(encryptedDevice(delivery));
    return tokens.findLast((token) => token.key === key)?.version as VersionNumber | undefined;
  }

  async function lose({ grant, key, version, delivery, opensWith }: KnownVolume): Promise<void> {
    spares.forget(delivery.name);
    early.delete(delivery.name);
    const how = await closeBy(delivery, delivery.atLoss);
    known.delete(grant);
    save();
    tried.delete(grant);
    log.warn({ volume: delivery.name, how }, "volume is granted no more");
    const held = new Set([version, ...(opensWith === undefined ? [] : [opensWith])]);
    parts.onWithdrawn([...held].map((one) => ({ key, version: one })));
  }

  async function close({ grant, delivery }: KnownVolume, how: AtLoss): Promise<void> {
    const before = await host.luks.status(delivery.name);
    if (before === null || before.suspended) return;
    tried.delete(grant);
    log.warn({ volume: delivery.name, how: await closeBy(delivery, how) }, "the node is frozen");
  }

  return {
    start() {
      for (const one of known.values()) later(one, "opens", () => tend(one));
    },
    want(given = []) {
      const wanted = given as unknown as readonly GrantedVolume[];
      const now = new Set(wanted.map(({ grant }) => grant));
      const lost = [...known.values()].filter(({ grant }) => !now.has(grant));
      const before = canonicalJson([...known.values()] as never);
      for (const one of wanted) {
        const opensWith = known.get(one.grant)?.opensWith ?? early.get(one.delivery.name);
        known.set(one.grant, { ...one, ...(opensWith === undefined ? {} : { opensWith }) });
      }
      if (canonicalJson([...known.values()] as never) !== before) save();
      for (const one of lost) later(one, "closes", () => lose(one));
      for (const one of wanted) later(one, "opens", () => tend(one));
    },
    confirm() {
      if (known.size > 0) spares.confirm(namesOf(known.values()));
    },
    opened(name, version) {
      early.set(name, version);
      const one = [...known.values()].find(({ delivery }) => delivery.name === name);
      if (one === undefined) return;
      if (one.opensWith !== version) note(one, version);
      if (one.version !== version) later(one, "opens", () => opens(name).then(() => tend(one)));
    },
    freeze() {
      for (const one of known.values()) {
        const { name, atFreeze } = one.delivery;
        spares.forget(name);
        if (atFreeze !== undefined) later(one, "closes", () => close(one, atFreeze));
      }
    },
    known: () => [...known.values()],
    given(name) {
      const one = [...known.values()].find(({ delivery }) => delivery.name === name);
      if (one?.delivery.escrow?.holders !== undefined) again(one);
    },
    async settled() {
      await Promise.all([...tails.values()].map(({ work }) => work));
    },
  };
}

function namesOf(volumes: Iterable<KnownVolume>): ReadonlySet<VolumeName> {
  return new Set(
    [...volumes].flatMap(({ delivery: { name, offline } }) => (offline === undefined ? [] : [name])),
  );
}

/** Is the first mounted below the second? */
function isBelow({ delivery: { mount } }: KnownVolume, { delivery: { mount: other } }: KnownVolume): boolean {
  return mount !== undefined && other !== undefined && mount.point.startsWith(`${other.point}/`);
}
