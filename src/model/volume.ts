/**
 * Volume: an encrypted disk that a key unlocks: where it lies, what stands on it, and on which conditions a node
 * gets its key. The key goes to the node at the moment it opens the volume, and is kept nowhere on it.
 */
import { KeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import type { DailyWindow } from "./daily-window.ts";
import { printable } from "./name.ts";
import type { Network } from "./network.ts";

/** The name below `/dev/mapper`, and in systemd's units: letters, digits, `_`, `.` and `-`, 64 at most. */
export type VolumeName = string & { readonly kind: "volume-name" };
/** Below `/dev`, absolute. */
export type DevicePath = string & { readonly kind: "device-path" };
/** An absolute directory. `/`: the system itself lies on the volume, and its initramfs opens and mounts it. */
export type MountPoint = string & { readonly kind: "mount-point" };
/** `mongodb.service`. */
export type UnitName = string & { readonly kind: "unit-name" };

export interface UnlockDelivery {
  readonly kind: "unlock";
  readonly type: "luks";
  readonly name: VolumeName;
  /** The encrypted device; with `beneath`, the physical volume that the group lies on. */
  readonly device: DevicePath;
  /** The encrypted device is this logical volume. */
  readonly beneath?: LogicalVolume;
  /** The opened volume is a physical volume, and this lies on it. */
  readonly above?: LogicalVolume;
  readonly mount?: Mount;
  /** Started once it is mounted, stopped before it is closed. */
  readonly start: readonly UnitName[];
  /** Make it, if the device is blank. The device has a name that stays. */
  readonly createIfBlank?: true;
  /** What becomes of an open volume when the node may have it no more. */
  readonly atLoss: AtLoss;
  /** What becomes of it when the node is frozen; absent: it stays open. */
  readonly atFreeze?: AtLoss;
  /** How long the node may open it while no server can be reached; absent: not at all. Then there are no conditions. */
  readonly offline?: DurationMs;
  /** It is to have a recovery key of so many shares. */
  readonly escrow?: Escrow;
  readonly conditions: UnlockConditions;
}

/** Any `threshold` of `shares` give the recovery key. */
export interface Escrow {
  readonly threshold: number;
  readonly shares: number;
  /** Each gets one share, sealed to him by the node; absent: somebody makes them by hand, on the node. */
  readonly holders?: readonly Holder[];
}

/** Who holds a share. */
export interface Holder {
  readonly name: string;
  /** X25519, SubjectPublicKeyInfo in base64 (RFC 8410). */
  readonly key: string;
}

/** Each is known to every node that the grant selects. */
export const MAX_HOLDERS = 32;

/** `close`: stop what uses it, unmount, close. `suspend`: the key leaves the kernel, and what uses it hangs. */
export type AtLoss = "close" | "suspend";
export const atLosses: readonly AtLoss[] = ["close", "suspend"];

export interface LogicalVolume {
  readonly group: string;
  readonly volume: string;
}

export interface Mount {
  readonly point: MountPoint;
  readonly fstype: FileSystem;
  readonly options: readonly string[];
}

export const fileSystems = ["ext4", "xfs", "btrfs"] as const;
export type FileSystem = (typeof fileSystems)[number];

/** All must hold when the node asks. */
export interface UnlockConditions {
  /** The node's connection comes from one of these. */
  readonly allowFrom?: readonly Network[];
  readonly between?: DailyWindow;
  /** Within 24 hours. */
  readonly maxOpens?: number;
  /** So many operators said yes within the hour; each opening uses them up. */
  readonly approvals?: number;
}

/** The device that the key opens. */
export function encryptedDevice({ device, beneath }: UnlockDelivery): string {
  return beneath === undefined ? device : deviceOf(beneath);
}

/** What is mounted. */
export function openedDevice({ name, above }: UnlockDelivery): string {
  return above === undefined ? `/dev/mapper/${name}` : deviceOf(above);
}

function deviceOf({ group, volume }: LogicalVolume): string {
  return `/dev/${group}/${volume}`;
}

/** @throws KeywardError `usage` */
export function parseVolumeName(text: string): VolumeName {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(text) && text !== "control") return text as VolumeName;
  throw new KeywardError("usage", `volume name ${printable(text)}: want letters, digits, _ . -, as data`);
}

/** @throws KeywardError `usage` */
export function parseDevicePath(text: string): DevicePath {
  if (isPlainPath(text) && text.startsWith("/dev/")) return text as DevicePath;
  throw new KeywardError("usage", `device ${printable(text)}: want a path below /dev`, {
    hint: "one that stays the same, as /dev/disk/by-id/…; see: ls -l /dev/disk/by-id",
  });
}

/** Does this name stay with the disk, whatever else is plugged in? */
export function isStable(device: DevicePath): boolean {
  return /^\/dev\/disk\/by-(?:id|uuid|partuuid|path)\/[^/]+$/.test(device);
}

/** Does the running system lie on it? Then it is neither mounted nor unmounted, and stays open until power-off. */
export function isRoot({ mount }: Pick<UnlockDelivery, "mount">): boolean {
  return mount?.point === "/";
}

/** @throws KeywardError `usage` */
export function parseMountPoint(text: string): MountPoint {
  if (text === "/" || isPlainPath(text)) return text as MountPoint;
  throw new KeywardError("usage", `mount point ${printable(text)}: want an absolute directory, as /srv/data`);
}

/** @throws KeywardError `usage` */
export function parseUnitName(text: string): UnitName {
  if (/^[A-Za-z0-9_:@\\.-]{1,200}\.(?:service|target|socket|path|timer)$/.test(text) && !text.startsWith("-"))
    return text as UnitName;
  throw new KeywardError("usage", `unit ${printable(text)}: want a unit of systemd, as mongodb.service`);
}

/** `3/5`: any three of five shares. @throws KeywardError `usage` */
export function parseEscrow(text: string): Escrow {
  const [, threshold, shares] = /^([0-9]{1,3})\/([0-9]{1,3})$/.exec(text) ?? [];
  return assertEscrow({ threshold: Number(threshold), shares: Number(shares) }, text);
}

/** `alice`, `bob@example.com`: 64 at most. @throws KeywardError `usage` */
export function parseHolderName(text: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$/.test(text)) return text;
  throw new KeywardError("usage", `holder ${printable(text)}: want letters, digits and _ . @ + -, as alice`);
}

/** @throws KeywardError `usage` */
export function assertEscrow({ threshold, shares }: Escrow, text = `${threshold}/${shares}`): Escrow {
  const whole = Number.isInteger(threshold) && Number.isInteger(shares);
  if (whole && threshold >= 2 && threshold <= shares && shares <= 255) return { threshold, shares };
  throw new KeywardError(
    "usage",
    `escrow ${printable(text)}: want THRESHOLD/SHARES, as 3/5; 255 shares at most`,
  );
}

/** `GROUP/VOLUME`. @throws KeywardError `usage` */
export function parseLogicalVolume(text: string): LogicalVolume {
  const [, group, volume] =
    /^([A-Za-z0-9_][A-Za-z0-9_.+-]{0,62})\/([A-Za-z0-9_][A-Za-z0-9_.+-]{0,62})$/.exec(text) ?? [];
  if (group !== undefined && volume !== undefined) return { group, volume };
  throw new KeywardError("usage", `logical volume ${printable(text)}: want GROUP/VOLUME, as vgdata/data`);
}

/** @throws KeywardError `usage` */
export function parseMountOption(text: string): string {
  if (/^[A-Za-z0-9_=.:%+-]{1,128}$/.test(text)) return text;
  throw new KeywardError("usage", `mount option ${printable(text)}: want one option, as noatime`);
}

/** No blanks or quotes: it stands in `/etc/crypttab`, `/etc/fstab` and units too. */
function isPlainPath(text: string): boolean {
  const segments = text.slice(1).split("/");
  return (
    /^\/[A-Za-z0-9_.:@=+,/-]{1,1023}$/.test(text) &&
    segments.every((segment) => segment !== "" && segment !== "." && segment !== "..")
  );
}
