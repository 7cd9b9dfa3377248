/** Preflight: what will fail at the next boot, said before it: looked at, and nothing changed. */
import { RECOVERY } from "../adapters/luks/luks.ts";
import { isKeywardError } from "../base/errors.ts";
import { toIso, type UnixMs } from "../base/time.ts";
import type { KeyName } from "../model/name.ts";
import { encryptedDevice, isStable, type UnlockDelivery } from "../model/volume.ts";
import { systemdEscape } from "./escape.ts";
import { isRecoveryDue, type KeptRecovery } from "./escrow.ts";
import type { DiskHost, VolumeKey } from "./host.ts";
import { initramfsPreflight, isInitramfss } from "./initramfs-preflight.ts";
import { serviceDropIn } from "./units.ts";

export interface PreflightLine {
  readonly check: string;
  readonly state: "ok" | "warning" | "wrong";
  /** What was found, or what to do. */
  readonly says: string;
}

export interface MadeRecovery extends KeptRecovery {
  /** Milliseconds since 1970. */
  readonly made?: number;
}

export interface PreflightFiles {
  /** @returns `null` when it is not there. */
  read(path: string): string | null;
  /** The entries of a directory; `null` when it is none. */
  list(path: string): readonly string[] | null;
  /** When it was modified, in milliseconds, and its permission bits; `null` when it is not there. */
  stat?(path: string): { readonly modified: number; readonly mode: number } | null;
}

/**
 * @param keys - What the server gave for this look; none: it was not asked.
 * @param recovery - The newest recovery key whose shares it keeps, as far as this node was told.
 */
export async function preflight(
  host: DiskHost,
  key: KeyName,
  delivery: UnlockDelivery,
  keys: readonly VolumeKey[],
  files: PreflightFiles,
  recovery?: MadeRecovery,
): Promise<PreflightLine[]> {
  return [
    deviceName(delivery),
    ...(await onDevice(host, key, delivery, keys, recovery)),
    ...mountPoint(host, delivery, files),
    ...atBoot(host, delivery, files),
  ];
}

function deviceName({ device }: UnlockDelivery): PreflightLine {
  return isStable(device)
    ? ok("device name", `${device} stays with the disk`)
    : warning(
        "device name",
        `${device} may name another disk after the next boot: take one below /dev/disk/by-id`,
      );
}

async function onDevice(
  { luks, lvm }: DiskHost,
  key: KeyName,
  delivery: UnlockDelivery,
  keys: readonly VolumeKey[],
  kept: MadeRecovery | undefined,
): Promise<PreflightLine[]> {
  const device = encryptedDevice(delivery);
  try {
    if (delivery.beneath !== undefined && !(await lvm.has(delivery.beneath)))
      return [wrong("device", `no logical volume ${delivery.beneath.group}/${delivery.beneath.volume}`)];
    const found = await luks.contents(device);
    if (found.kind === "blank")
      return delivery.createIfBlank === true
        ? [ok("device", "blank: it will be made")]
        : [wrong("device", `blank, and not to be made by itself: keyward disk init ${delivery.name}`)];
    if (found.kind !== "signature" || found.type !== "crypto_LUKS")
      return [
        wrong("device", `holds ${found.kind === "signature" ? found.type : found.kind}, no encrypted volume`),
      ];
    const lines = [ok("device", `an encrypted volume, ${await luks.uuid(device)}`)];
    if (await luks.isReencrypting(device))
      lines.push(
        warning(
          "reencryption",
          `not finished: it opens, and its key cannot be rotated: keyward disk rotate ${delivery.name} --volume-key`,
        ),
      );
    if (keys.length > 0) lines.push(await whichKey({ luks }, key, device, keys));
    for (const type of await luks.strangers(device))
      lines.push(
        warning(
          "other ways",
          `a token of type ${type} opens it without the server: no freeze and no revocation keeps it closed`,
        ),
      );
    lines.push(await recoveryOf(luks, device, delivery, kept));
    return lines;
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    return [wrong("device", error.message)];
  }
}

async function recoveryOf(
  luks: DiskHost["luks"],
  device: string,
  { name, escrow }: UnlockDelivery,
  kept: MadeRecovery = { generation: 0 },
): Promise<PreflightLine> {
  const check = "recovery";
  if (escrow?.holders !== undefined) {
    const { threshold, shares, holders } = escrow;
    const plan = `${threshold}/${shares}, sealed to ${holders.map((one) => one.name).join(", ")}`;
    if (await isRecoveryDue({ luks }, device, kept))
      return wrong(check, `no recovery key ${plan}: the agent, or keyward unlock ${name}, makes one`);
    const made = kept.made === undefined ? "" : `, made ${toIso(kept.made as UnixMs).slice(0, 10)}`;
    return ok(check, `recovery ${plan}${made}`);
  }
  const slots = await luks.slots(device);
  const recovery = (await luks.tokens(device)).some((token) => token.key === RECOVERY);
  if (recovery || (slots.length > 1 && escrow === undefined)) return ok(check, `${slots.length} key slots`);
  if (escrow !== undefined)
    return wrong(check, `no recovery key, and the grant wants one: keyward disk escrow ${name}`);
  return warning(check, "one key slot: without the server nothing opens it; see: keyward disk escrow");
}

async function whichKey(
  { luks }: Pick<DiskHost, "luks">,
  key: KeyName,
  device: string,
  keys: readonly VolumeKey[],
): Promise<PreflightLine> {
  for (const [i, { version, value }] of keys.entries()) {
    if ((await luks.fits(device, value)) === null) continue;
    return i === 0
      ? ok("key", `version ${version} of ${key} opens it`)
      : warning("key", `version ${version} of ${key} opens it, not ${keys[0]?.version}: keyward disk rotate`);
  }
  return wrong("key", `no version of ${key} opens it: keyward disk bind`);
}

function mountPoint({ mounts }: DiskHost, { mount }: UnlockDelivery, files: PreflightFiles): PreflightLine[] {
  if (mount === undefined) return [];
  const { point } = mount;
  if (mounts.at(point) !== null) return [ok("mount point", `${point} is mounted`)];
  const entries = files.list(point);
  if (entries === null) return [ok("mount point", `${point} will be made`)];
  if (entries.length === 0) return [ok("mount point", `${point} is empty`)];
  return [
    wrong("mount point", `${point} holds files that nobody would see: it will not be mounted over them`),
  ];
}

function atBoot({ systemd }: DiskHost, delivery: UnlockDelivery, files: PreflightFiles): PreflightLine[] {
  if (isInitramfss(delivery, files)) return initramfsPreflight(delivery, files);
  return systemd.isHere() ? boot(delivery, files) : [];
}

/** Only where crypttab has the volume; else nothing is to be checked. */
function boot(delivery: UnlockDelivery, files: PreflightFiles): PreflightLine[] {
  const { name, mount, start } = delivery;
  const crypttab = fieldsOf(files.read("/etc/crypttab")).find(([first]) => first === name);
  if (crypttab === undefined)
    return [
      warning("boot", `not in /etc/crypttab: at boot nothing opens it: keyward disk units ${name} --write`),
    ];
  const lines: PreflightLine[] = [...whoAnswers(name, crypttab, files)];
  if (
    files.read("/etc/systemd/system/sysinit.target.wants/remote-cryptsetup.target") === null &&
    !enabled(files)
  )
    lines.push(
      wrong("boot", "remote-cryptsetup.target is not enabled: systemctl enable remote-cryptsetup.target"),
    );
  if (mount !== undefined) {
    const fstab = fieldsOf(files.read("/etc/fstab")).find(([, second]) => second === mount.point);
    const has = fstab?.[3]?.split(",") ?? [];
    if (fstab === undefined) lines.push(wrong("fstab", `${mount.point} is not in /etc/fstab`));
    else if (
      !has.includes("_netdev") ||
      !has.some((one) => one.startsWith("x-systemd.requires=systemd-cryptsetup@"))
    )
      lines.push(
        wrong(
          "fstab",
          `${mount.point} wants _netdev and x-systemd.requires, or it is stopped in the wrong order`,
        ),
      );
    for (const unit of start)
      if (files.read(serviceDropIn(delivery, unit)) === null)
        lines.push(warning("service", `${unit} may start before ${mount.point} is mounted`));
  }
  return lines.length === 0 ? [ok("boot", "systemd opens it at boot")] : lines;
}

/** Where systemd gets the key from: our socket, or whoever answers its question. */
function whoAnswers(name: string, [, , keyFile = "none", text = ""]: string[], files: PreflightFiles) {
  const lines: PreflightLine[] = [];
  const options = text.split(",");
  const socket = `keyward-key@${systemdEscape(name)}.socket`;
  const write = `keyward disk units ${name} --write`;
  for (const option of ["_netdev", "nofail"])
    if (!options.includes(option))
      lines.push(wrong("crypttab", `${option} is missing in the options of ${name}`));
  if (keyFile !== "none" && keyFile !== "-")
    lines.push(wrong("crypttab", `${name} has a key file: its key lies on a disk, or is not there at boot`));
  const asks = !options.some((option) => ["headless", "headless=true", "headless=yes"].includes(option));
  const listens = files.list("/etc/systemd/system/sysinit.target.wants")?.includes(socket) === true;
  if (listens && asks)
    lines.push(
      wrong("crypttab", `headless=true is missing in the options of ${name}: a boot may wait for a person`),
    );
  else if (!listens && asks)
    lines.push(
      warning(
        "crypttab",
        `${name} has no socket of ours: an agent with --answer-passphrases has to answer, or a person; or: ${write}`,
      ),
    );
  else if (!listens)
    lines.push(wrong("boot", `${socket} is not enabled, and nobody gives the key: ${write}`));
  return lines;
}

function enabled(files: PreflightFiles): boolean {
  return ["remote-fs.target.wants", "multi-user.target.wants", "initrd-root-device.target.wants"].some(
    (wants) => files.list(`/etc/systemd/system/${wants}`)?.includes("remote-cryptsetup.target") ?? false,
  );
}

function fieldsOf(text: string | null): string[][] {
  return (text ?? "")
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .map((line) => line.trim().split(/\s+/));
}

const ok = (check: string, says: string): PreflightLine => ({ check, state: "ok", says });
const warning = (check: string, says: string): PreflightLine => ({ check, state: "warning", says });
const wrong = (check: string, says: string): PreflightLine => ({ check, state: "wrong", says });
