/** Write units: what systemd needs to open a volume at boot, put into this machine's files, or taken out of them. */
import { createUnitPlaces } from "../../adapters/systemd/unit-places.ts";
import {
  type DiskHost,
  planRemoval,
  planUnits,
  type UnitChange,
  unitsToEnable,
  unitsToStart,
} from "../../disk/disk.ts";
import { systemdEscape } from "../../disk/escape.ts";
import type { UnlockDelivery, VolumeName } from "../../model/volume.ts";

export interface WriteUnitsHow {
  /** Also in place of what somebody else wrote. */
  readonly force: boolean;
  /** Change nothing. */
  readonly dryRun: boolean;
  /** Of a system that does not run. */
  readonly root?: string;
}

export interface UnitsDone {
  readonly changes: readonly UnitChange[];
  /** What was said to systemctl, or would be. */
  readonly ran: readonly string[];
}

/**
 * What is there already stays, so that whatever broke off an earlier run, the next one completes it.
 *
 * @throws KeywardError `conflict` before anything is written; `local`.
 */
export async function writeUnits(
  { systemd, luks }: DiskHost,
  delivery: UnlockDelivery,
  { force, dryRun, root }: WriteUnitsHow,
): Promise<UnitsDone> {
  const places = createUnitPlaces(root);
  const changes = planUnits(delivery, places, { force });
  const here = root === undefined && systemd.isHere();
  const open = here && (await luks.status(delivery.name)) !== null;
  const [enable, start] = [unitsToEnable(delivery), open ? unitsToStart(delivery) : []];
  const ran = [
    ...(here ? ["daemon-reload"] : []),
    `${root === undefined ? "" : `--root=${root} `}enable ${enable.join(" ")}`,
    ...(open ? [`start ${start.join(" ")}`] : []),
  ];
  if (dryRun) return { changes, ran };
  for (const { path, before, after } of changes) places.replace(path, before, after);
  if (here) await systemd.reload();
  await systemd.enable(enable, root);
  for (const unit of start) await systemd.start(unit);
  return { changes, ran };
}

/**
 * An open volume stays open. `remote-cryptsetup.target` stays enabled: others may need it.
 *
 * @throws KeywardError `conflict` before anything is removed; `local`.
 */
export async function removeUnits(
  { systemd }: DiskHost,
  name: VolumeName,
  delivery: UnlockDelivery | undefined,
  { force, dryRun, root }: WriteUnitsHow,
): Promise<UnitsDone> {
  const places = createUnitPlaces(root);
  const changes = planRemoval(name, delivery, places, { force });
  const here = root === undefined && systemd.isHere();
  const socket = `keyward-key@${systemdEscape(name)}.socket`;
  const ran = [
    `${root === undefined ? "" : `--root=${root} `}disable ${socket}`,
    ...(here ? [`stop ${socket}`, "daemon-reload"] : []),
  ];
  if (dryRun) return { changes, ran };
  await systemd.disable([socket], root);
  if (here) await systemd.stop(socket);
  for (const { path, before, after } of changes) places.replace(path, before, after);
  if (here) await systemd.reload();
  return { changes, ran };
}
