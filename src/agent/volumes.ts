/**
 * Volumes: encrypted disks opened, rotated and closed as the server's grants say. The key comes from the server when
 * it is needed, goes to cryptsetup, and is wiped; which version opens the volume is proved to the server.
 */

import { restoreHeader } from "../adapters/luks/header-copy.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs } from "../base/time.ts";
import {
  type Closed,
  type CloseOptions,
  closeVolume,
  type DiskHost,
  findOpener,
  type OpenedVolume,
  openVolume,
  type PreflightLine,
  RECOVERY,
  type Reencrypted,
  type Rotated,
  type RotateParts,
  reencryptVolume,
  rotateVolume,
} from "../disk/disk.ts";
import { openHeader, peekHeader } from "../formats/header-backup/header-backup.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { type DevicePath, encryptedDevice, type UnlockDelivery, type VolumeName } from "../model/volume.ts";
import { type HeaderCopyParts, keepHeader, type ProofParts, proofsOf } from "./after-opening.ts";
import type { AnsweredKey, VolumeAnswer } from "./ask-volume.ts";
import type { HandedKey } from "./hand-over.ts";
import type { RecoveryState } from "./known-volumes.ts";
import { rehearse } from "./rehearse.ts";
import { keepSpare } from "./spare-answer.ts";
import { sealedToHolders, tendEscrow } from "./volume-escrow.ts";
import { askAllWays, type WaysParts } from "./ways.ts";

export interface VolumesParts extends WaysParts, ProofParts, HeaderCopyParts {
  readonly host: DiskHost;
}

export interface Unlocked extends OpenedVolume {
  readonly key: KeyName;
  readonly delivery: UnlockDelivery;
  /** It opens with an earlier version than it should. */
  readonly late: boolean;
  /** With the copy of its key that was kept here: no server answered. */
  readonly alone: boolean;
  /** The recovery key that was made on the way. */
  readonly recovery?: RecoveryState;
}

export interface ReencryptedVolume extends Reencrypted {
  readonly version: VersionNumber;
  /** Its key has a later version. */
  readonly late: boolean;
  readonly recovery?: RecoveryState;
  /** Why there is no new recovery key. */
  readonly failures: readonly KeywardError[];
}

export interface UnlockHow {
  readonly make?: boolean;
  readonly device?: DevicePath;
}

/** All throw what `askVolume` throws, and what the disk says. */
export interface Volumes {
  /**
   * @param how - `make`: also when the grant does not say so. `device`: only if the grant's is this one.
   * @throws KeywardError `conflict` when it is another.
   */
  unlock(name: VolumeName, budget: DurationMs, signal: AbortSignal, how?: UnlockHow): Promise<Unlocked>;
  /** Give a volume that another key opens the server's key, too. @throws KeywardError `wrong-key` */
  bind(
    name: VolumeName,
    current: Secret,
    budget: DurationMs,
    signal: AbortSignal,
  ): Promise<{ version: VersionNumber }>;
  /**
   * Give it a recovery key, in place of the one before.
   *
   * @param shares - Of the key: written before it gets a slot, and dropped when it gets none.
   */
  escrow(
    name: VolumeName,
    recovery: Secret,
    budget: DurationMs,
    signal: AbortSignal,
    shares?: { write(): void; drop(): void },
  ): Promise<{ slot: number }>;
  /**
   * Make the recovery key that its grant wants, unless the one of before serves still. The shares go to the server,
   * sealed to those who hold them.
   *
   * @param how - `renew`: also when it serves still.
   * @returns The newest; `null` when its grant names no holders.
   */
  tendEscrow(
    name: VolumeName,
    budget: DurationMs,
    signal: AbortSignal,
    how?: { readonly renew?: boolean },
  ): Promise<RecoveryState | null>;
  /** Bring its header back from its copy. @throws KeywardError `not-found`; `conflict` when it is whole. */
  restore(
    name: VolumeName,
    over: boolean,
    budget: DurationMs,
    signal: AbortSignal,
  ): Promise<{ version: VersionNumber }>;
  /** To the version that the server wants; nothing to do when it opens with it alone. */
  rotate(
    name: VolumeName,
    budget: DurationMs,
    signal: AbortSignal,
  ): Promise<Rotated & { readonly key: KeyName }>;
  /**
   * To another volume key, after a leak; broken off, the same call goes on. Its other slots go, and its recovery key is
   * made anew where its grant names holders.
   *
   * @param says - How far it is.
   */
  reencrypt(
    name: VolumeName,
    budget: DurationMs,
    signal: AbortSignal,
    says: (progress: string) => void,
  ): Promise<ReencryptedVolume>;
  /** The key that opens it, for somebody else to do so, proved by then; the caller wipes it. For systemd: `hand-over.ts`. */
  keyFor(name: VolumeName, budget: DurationMs, signal: AbortSignal): Promise<HandedKey>;
  /** What each of the ways would give now; nothing is opened, and nothing counts. */
  rehearse(name: VolumeName): Promise<PreflightLine[]>;
  close(delivery: UnlockDelivery, options: CloseOptions): Promise<Closed>;
}

export function createVolumes(parts: VolumesParts): Volumes {
  const { host, headers, spares, random } = parts;

  const ask = (
    name: VolumeName,
    budget: DurationMs,
    signal: AbortSignal,
    how: { readonly alone?: boolean } = {},
  ): Promise<VolumeAnswer> => askAllWays(parts, name, budget, signal, how);

  /** @returns Whether the server believes it. */
  async function prove(answer: VolumeAnswer, one: AnsweredKey): Promise<boolean> {
    const { key, from: server } = answer;
    if (server === null) return false;
    const { challenge } = server;
    const proofs = await proofsOf(parts, challenge, answer, one);
    const body = { challenge, proofs, withdrawn: [], drift: [], failures: [] };
    const { accepted } = await server.call("agent.report", { body });
    return accepted.some(({ key: of, version }) => of === key && version === one.version);
  }

  function assertDevice(name: VolumeName, delivery: UnlockDelivery, device: DevicePath): void {
    if (host.luks.isSame(delivery.device, device)) return;
    throw new KeywardError("conflict", `volume ${name}: its grant has ${delivery.device}, not ${device}`, {
      hint: "say the same in both; nothing was written to either",
    });
  }

  /** With the volume's key at hand, so that nobody has to give it for this. @returns `null` when none was made. */
  async function escrowed(
    answer: VolumeAnswer,
    key: AnsweredKey,
    { renew = false } = {},
  ): Promise<RecoveryState | null> {
    const { recovery } = answer;
    const wanted = renew && recovery !== undefined ? { recovery: { ...recovery, due: true as const } } : {};
    return await tendEscrow(parts, { ...answer, ...wanted }, key);
  }

  const keeperOf =
    (name: VolumeName): RotateParts["keepHeader"] =>
    (uuid, version, sealed, only) =>
      headers.keep(name, uuid, version, sealed, only);

  async function rotated(answer: VolumeAnswer): Promise<Rotated> {
    const { key, keys, delivery } = answer;
    const done = await rotateVolume(
      {
        luks: host.luks,
        random,
        commit: ({ version }) => {
          const next = keys.find((one) => one.version === version);
          return next === undefined ? Promise.resolve(false) : prove(answer, next);
        },
        keepHeader: keeperOf(delivery.name),
      },
      encryptedDevice(delivery),
      key,
      keys,
    );
    const next = keys.find(({ version }) => version === done.version);
    if (next !== undefined) keepSpare(spares, delivery.name, answer, next);
    return done;
  }

  async function reached(delivery: UnlockDelivery): Promise<string> {
    if (delivery.beneath !== undefined) await host.lvm.activate(delivery.beneath);
    return encryptedDevice(delivery);
  }

  /** What a lost header leaves is no known kind of data; a file system means another disk, or a volume that was overwritten. */
  async function assertNoOther(device: string): Promise<void> {
    const found = await host.luks.contents(device);
    if (found.kind !== "signature" || found.type === "crypto_LUKS") return;
    throw new KeywardError(
      "conflict",
      `device ${device}: holds ${found.type}, which a header would destroy`,
      {
        hint: "is it the right device? nothing was written to it; to restore the header all the same: --yes",
      },
    );
  }

  return {
    async unlock(name, budget, signal, { make = false, device } = {}) {
      using answer = await ask(name, budget, signal, { alone: true });
      const { key, keys, known } = answer;
      if (device !== undefined) assertDevice(name, answer.delivery, device);
      const asked = make ? { ...answer.delivery, createIfBlank: true as const } : answer.delivery;
      const delivery = known ? withoutMaking(asked) : asked;
      const opened = await openVolume(host, key, delivery, keys);
      const which = keys.find(({ version }) => version === opened.version);
      const failures = [...opened.failures];
      let recovery: RecoveryState | null = null;
      // The volume is open: that the server hears of it late, or not now, changes nothing.
      if (which !== undefined) {
        await prove(answer, which).catch(noted(parts, name));
        keepSpare(spares, name, answer, which);
        recovery = await escrowed(answer, which).catch(keepIn(failures));
        await keepHeader(parts, answer, which, { anew: recovery !== null });
      }
      const late = opened.version !== keys[0]?.version;
      const how = { key, delivery: answer.delivery, late, alone: answer.from === null };
      return { ...opened, failures, ...how, ...(recovery === null ? {} : { recovery }) };
    },

    async rotate(name, budget, signal) {
      using answer = await ask(name, budget, signal);
      return { ...(await rotated(answer)), key: answer.key };
    },

    async reencrypt(name, budget, signal, says) {
      using answer = await ask(name, budget, signal);
      const { key, keys } = answer;
      const { luks } = host;
      const device = await reached(answer.delivery);
      if (!(await luks.volumeKey(device)).underWay) await rotated(answer);
      const { key: opener } = await findOpener(luks, device, key, keys);
      const isOpen = (await luks.status(name)) !== null;
      const how = { luks, random, says, until: signal, keepHeader: keeperOf(name) };
      const done = await reencryptVolume(how, device, isOpen ? name : undefined, key, opener);
      const failures: KeywardError[] = [];
      const recovery = await escrowed(answer, opener).catch(keepIn(failures));
      if (recovery !== null) await keepHeader(parts, answer, opener, { anew: true });
      const late = opener.version !== keys[0]?.version;
      return { ...done, version: opener.version, late, failures, ...(recovery === null ? {} : { recovery }) };
    },

    async keyFor(name, budget, signal) {
      using answer = await ask(name, budget, signal, { alone: true });
      const { key, keys, delivery } = answer;
      const device = await reached(delivery);
      const { key: one, slot } = await findOpener(host.luks, device, key, keys);
      await host.luks.mark(device, { slot, key, version: one.version });
      await prove(answer, one).catch(noted(parts, name));
      keepSpare(spares, name, answer, one);
      await keepHeader(parts, answer, one, { anew: false });
      return { key: Secret.copy(one.value.reveal()), version: one.version };
    },

    async bind(name, current, budget, signal) {
      using answer = await ask(name, budget, signal);
      const { key, keys, delivery } = answer;
      const [first] = keys;
      if (first === undefined) throw new KeywardError("internal", "an answer without a key");
      const device = await reached(delivery);
      const slot = await host.luks.addKey(device, current, first.value);
      await host.luks.mark(device, { slot, key, version: first.version });
      await prove(answer, first);
      return { version: first.version };
    },

    async escrow(name, recovery, budget, signal, shares) {
      using answer = await ask(name, budget, signal);
      if (answer.delivery.escrow?.holders !== undefined) throw sealedToHolders(name);
      const { luks } = host;
      const device = await reached(answer.delivery);
      const before = (await luks.tokens(device)).filter(({ key }) => key === RECOVERY);
      const { key: one } = await findOpener(luks, device, answer.key, answer.keys);
      const { value } = one;
      // First the shares: a slot whose key nobody has is worth nothing.
      shares?.write();
      const slot = await luks.addKey(device, value, recovery).catch(async (error: unknown) => {
        if ((await luks.fits(device, recovery).catch(() => 0)) === null) shares?.drop();
        throw error;
      });
      await luks.mark(device, { slot, key: RECOVERY, version: 0 });
      for (const old of before.filter((other) => other.slot !== slot)) {
        await luks.killSlot(device, old.slot, value);
        await luks.unmark(device, old.id);
      }
      await keepHeader(parts, answer, one, { anew: true });
      // What the server was told of a recovery key that is lacking is over.
      await prove(answer, one).catch(noted(parts, name));
      return { slot };
    },

    async tendEscrow(name, budget, signal, how) {
      using answer = await ask(name, budget, signal);
      const device = await reached(answer.delivery);
      const { key: opener } = await findOpener(host.luks, device, answer.key, answer.keys);
      const made = await escrowed(answer, opener, how);
      if (made !== null) await keepHeader(parts, answer, opener, { anew: true });
      // What the server was told of a recovery key that is lacking is over.
      await prove(answer, opener).catch(noted(parts, name));
      return made ?? answer.recovery ?? null;
    },

    async restore(name, over, budget, signal) {
      using answer = await ask(name, budget, signal);
      const device = await reached(answer.delivery);
      const whole = await host.luks.slots(device).then(
        (slots) => slots.length > 0,
        () => false,
      );
      if (whole && !over)
        throw new KeywardError("conflict", `device ${device}: its header is whole, and stays`, {
          hint: "to replace it all the same, with the slots of the copy: --yes",
        });
      if (!over) await assertNoOther(device);
      for (const sealed of headers.of(name))
        for (const { version, value } of answer.keys) {
          if (peekHeader(sealed).version !== version) continue;
          using backup = openHeader(sealed, value).header;
          await restoreHeader(host.luks, device, backup);
          return { version };
        }
      throw new KeywardError(
        "not-found",
        `volume ${name}: no copy of its header is kept here under a key of now`,
      );
    },

    rehearse: (name) => rehearse(parts, name),
    close: (delivery, options) => closeVolume(host, delivery, options),
  };
}

/** One that this node has opened before, and which now looks blank, has lost its header. */
function withoutMaking({ createIfBlank: _, ...delivery }: UnlockDelivery): UnlockDelivery {
  return delivery;
}

function keepIn(failures: KeywardError[]): (error: unknown) => null {
  return (error) => {
    if (!(error instanceof KeywardError)) throw error;
    failures.push(error);
    return null;
  };
}

function noted({ log }: VolumesParts, name: VolumeName): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof KeywardError)) throw error;
    log.warn({ volume: name, code: error.code, reason: error.message }, "open, and not proved to the server");
  };
}
