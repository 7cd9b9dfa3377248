/**
 * Close: stop what runs on a volume, unmount it, close it. Whether it is closed is asked of device-mapper and of
 * nobody else: a unit that stopped, or an unmount that was put off, says nothing of the data.
 */
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import type { UnlockDelivery } from "../model/volume.ts";
import type { DiskHost } from "./host.ts";
import { cryptUnit, mountUnit } from "./take-over.ts";

export interface CloseOptions {
  /** How long who uses it may take to end; then it is ended. Absent: nobody is made to. */
  readonly evictAfter?: DurationMs;
  /** When it does not close: take the key out of the kernel, so that what uses it hangs. */
  readonly orSuspend?: boolean;
  /** Do just that, and stop nothing. */
  readonly suspend?: boolean;
}

export type Closed = "closed" | "suspended";

/**
 * Nothing to do when it is closed.
 *
 * @throws KeywardError `busy` when it is still open: the message names who uses it.
 */
export async function closeVolume(
  host: DiskHost,
  delivery: UnlockDelivery,
  { evictAfter, suspend = false, orSuspend = suspend }: CloseOptions = {},
): Promise<Closed> {
  const { luks } = host;
  const { name } = delivery;
  const before = await luks.status(name);
  if (before === null) {
    // It may wait for the key still, and would open it with the next one.
    if (host.systemd.hasVolume(name)) await closeUnit(host, delivery);
    return "closed";
  }
  assertNotRoot(host, delivery);
  if (before.suspended && orSuspend) return "suspended";
  if (suspend) return await suspended(host, name);
  try {
    await stopUnits(host, delivery);
    await unmount(host, delivery, evictAfter);
    if (delivery.above !== undefined) await host.lvm.deactivate(delivery.above);
    await closeUnit(host, delivery);
    await luks.close(name);
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    if ((await luks.status(name)) === null) return "closed";
    if (!orSuspend) throw error;
  }
  if ((await luks.status(name)) === null) return "closed";
  if (!orSuspend) throw new KeywardError("busy", `volume ${name}: is still open`);
  return await suspended(host, name);
}

/**
 * What the system lies on cannot be unmounted, and without its key not even what would end the machine could be read.
 *
 * @throws KeywardError `busy`
 */
function assertNotRoot({ mounts }: DiskHost, { name }: UnlockDelivery): void {
  if (!mounts.carries(`/dev/mapper/${name}`, "/")) return;
  throw new KeywardError("busy", `volume ${name}: the system itself lies on it: it stays open`, {
    hint: "switch the machine off: the server gives no key for its next boot",
  });
}

async function suspended({ luks }: DiskHost, name: string): Promise<Closed> {
  await luks.suspend(name);
  return "suspended";
}

/** One that does not stop shows itself when its file system does not unmount. */
async function stopUnits({ systemd }: DiskHost, { start }: UnlockDelivery): Promise<void> {
  if (!systemd.isHere()) return;
  for (const unit of start.toReversed()) await systemd.stop(unit).catch(ignored);
}

async function unmount(
  { mounts, systemd }: DiskHost,
  { mount }: UnlockDelivery,
  evictAfter: DurationMs | undefined,
): Promise<void> {
  if (mount === undefined) return;
  // What is bound to the mount stops with it, in the order that systemd knows.
  if (systemd.hasMount(mount.point)) await systemd.stop(mountUnit(mount.point)).catch(ignored);
  try {
    await mounts.unmount(mount.point);
  } catch (error) {
    if (evictAfter === undefined || !isKeywardError(error, "busy")) throw error;
    await mounts.evict(mount.point, evictAfter);
    await mounts.unmount(mount.point);
  }
}

/** systemd opened it: it learns that it is closed, or it would think otherwise. */
async function closeUnit({ systemd }: DiskHost, { name }: UnlockDelivery): Promise<void> {
  if (systemd.isHere()) await systemd.stop(cryptUnit(name)).catch(ignored);
}

function ignored(error: unknown): void {
  if (!isKeywardError(error)) throw error;
}
