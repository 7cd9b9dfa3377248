/**
 * Open: from a device to services that run on it. Each step looks first whether it is done, so that whatever broke off
 * an earlier attempt, the next one goes on; what cannot be undone is done to a blank device only.
 */
import type { Luks } from "../adapters/luks/luks.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { encryptedDevice, isRoot, openedDevice, type UnlockDelivery } from "../model/volume.ts";
import type { DiskHost, VolumeKey } from "./host.ts";
import { type Attempt, findOpener } from "./opener.ts";
import { takeOver } from "./take-over.ts";

export interface OpenedVolume {
  /** The version whose key opened it. */
  readonly version: VersionNumber;
  /** It was made now, or an earlier making was finished. */
  readonly made: boolean;
  /** Units that did not start, and why; also those with which systemd takes it over. */
  readonly failures: readonly KeywardError[];
}

/**
 * An open volume stays as it is; a suspended one goes on.
 *
 * @param key - Its name, as the header says whose a slot is.
 * @param keys - The first is the one that it should open with, and what a new volume gets.
 * @throws KeywardError `conflict` when the device is not what it should be; `wrong-key` when none of the keys opens it;
 *   `not-found`, `integrity`, `busy`, `local`.
 */
export async function openVolume(
  host: DiskHost,
  key: KeyName,
  delivery: UnlockDelivery,
  keys: readonly VolumeKey[],
): Promise<OpenedVolume> {
  const { luks, lvm, mounts, systemd } = host;
  const { name, beneath, above, mount, start } = delivery;
  const before = await luks.status(name);
  // LVM reads every device that there is, and would hang at a suspended one.
  if (beneath !== undefined && before === null) await reach(host, delivery);
  const device = encryptedDevice(delivery);
  await formatIfBlank(host, delivery, keys);
  // What is closed is opened by the trial itself.
  const opens: Attempt = (value, slot) => openedBy(luks, device, name, value, slot);
  const opener = await findOpener(luks, device, key, keys, before === null ? opens : undefined);
  const { version, value } = opener.key;
  if (before?.suspended === true) await luks.resume(name, value);
  else if (before !== null) await luks.open(device, name, value);
  await luks.mark(device, { slot: opener.slot, key, version });
  const made = await luks.isUnfinished(device);
  if (made) await finish(host, delivery);
  else if (above !== undefined) await lvm.activate(above);
  const failures: KeywardError[] = [];
  await takeOver(host, delivery).catch(keep(failures));
  if (mount !== undefined && !isRoot(delivery)) await mounts.mount(openedDevice(delivery), mount);
  if (systemd.isHere()) for (const unit of start) await systemd.start(unit).catch(keep(failures));
  return { version, made, failures };
}

/** The logical volume beneath is there and active, or made on a device that is blank. */
async function reach(
  { luks, lvm }: DiskHost,
  { device, beneath, createIfBlank }: UnlockDelivery,
): Promise<void> {
  if (beneath === undefined) return;
  if ((await lvm.has(beneath)) || createIfBlank !== true) return await lvm.activate(beneath);
  const found = await luks.contents(device);
  // A physical volume may be what an earlier making left; `create` sees to it that it is of no other group.
  if (found.kind === "data" || (found.kind === "signature" && found.type !== "LVM2_member"))
    throw notBlank(device, found.kind === "signature" ? found.type : "data of no kind that is known");
  await lvm.create(device, beneath);
}

async function formatIfBlank(
  { luks }: DiskHost,
  delivery: UnlockDelivery,
  [first]: readonly VolumeKey[],
): Promise<void> {
  const device = encryptedDevice(delivery);
  if (await luks.isVolume(device)) return;
  const found = await luks.contents(device);
  if (found.kind === "signature" && found.type === "crypto_LUKS") return;
  if (found.kind !== "blank")
    throw notBlank(
      device,
      found.kind === "signature" ? found.type : "data, or a LUKS header that is damaged",
    );
  if (delivery.createIfBlank !== true)
    throw new KeywardError(
      "conflict",
      `device ${device}: is blank, and the grant does not say to make a volume`,
      {
        hint: "is it the right device? to make one: keyward disk init, or a grant with --create-if-blank",
      },
    );
  if (first === undefined) throw new KeywardError("internal", "a volume without a key");
  await luks.format(device, first.value);
}

/** @returns `null` when the key does not open it. */
async function openedBy(
  luks: Luks,
  device: string,
  name: string,
  value: Secret,
  slot: number | undefined,
): Promise<number | null> {
  try {
    await luks.open(device, name, value, { closed: true, ...(slot === undefined ? {} : { slot }) });
    return slot ?? (await luks.fits(device, value));
  } catch (error) {
    if (isKeywardError(error, "wrong-key")) return null;
    throw error;
  }
}

/** A power cut leaves it unfinished, and what was begun is begun again. */
async function finish({ luks, lvm, mounts }: DiskHost, delivery: UnlockDelivery): Promise<void> {
  const { name, above, mount } = delivery;
  if (above !== undefined) await lvm.create(`/dev/mapper/${name}`, above);
  if (mount !== undefined) await mounts.makeFileSystem(openedDevice(delivery), mount.fstype);
  await luks.finish(encryptedDevice(delivery));
}

function notBlank(device: string, holds: string): KeywardError {
  return new KeywardError("conflict", `device ${device}: is not blank: it holds ${holds}`, {
    hint: "is it the right device? nothing was written to it",
  });
}

function keep(failures: KeywardError[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof KeywardError)) throw error;
    failures.push(error);
  };
}
