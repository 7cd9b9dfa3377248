/**
 * Take over: a volume that crypttab has is systemd's, whoever opens or closes it: so that systemd knows that it is open,
 * waits no more for its key, and when the machine stops unmounts and closes it in its turn.
 */
import type { UnlockDelivery } from "../model/volume.ts";
import { systemdEscape, systemdEscapePath } from "./escape.ts";
import type { DiskHost } from "./host.ts";

export const cryptUnit = (name: string): string => `systemd-cryptsetup@${systemdEscape(name)}.service`;
export const mountUnit = (point: string): string => `${systemdEscapePath(point)}.mount`;

/**
 * After it was opened, before it is mounted. systemd-cryptsetup leaves a volume alone that it finds open, and whoever
 * answers for its key gives none for it.
 *
 * @throws KeywardError `local`
 */
export async function takeOver({ systemd }: DiskHost, { name, mount }: UnlockDelivery): Promise<void> {
  if (!systemd.hasVolume(name)) return;
  // It may have begun before, and wait for a key that never comes.
  await systemd.startAnew(cryptUnit(name));
  if (mount !== undefined && systemd.hasMount(mount.point)) await systemd.start(mountUnit(mount.point));
}
