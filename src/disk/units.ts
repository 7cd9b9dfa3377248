/**
 * Units: what makes systemd open a volume at boot with a key that the agent answers, mount it, start what needs it,
 * and stop all of that in order: systemd.socket(5), crypttab(5), systemd.mount(5). The ordering, the timeouts and
 * the retries are systemd's own.
 *
 * systemd-cryptsetup reads the key from the socket at `/run/cryptsetup-keys.d/NAME.key` (systemd 248 and later).
 */
import { encryptedDevice, openedDevice, type UnlockDelivery } from "../model/volume.ts";
import { systemdEscape } from "./escape.ts";
import type { Owner } from "./mark.ts";
import { cryptUnit, mountUnit } from "./take-over.ts";

export interface UnitFile {
  readonly path: string;
  /** `line`: to be added to the file; `file`: the whole of it. */
  readonly kind: "line" | "file";
  readonly text: string;
  /** Whose it is: this volume's, or that of all volumes. */
  readonly owner: Owner;
}

/** Of all volumes alike: the socket and the agent's part in it. */
const KEY_SOCKET = `[Unit]
Description=Key of the volume %I, from Keyward
DefaultDependencies=no
Conflicts=shutdown.target
Before=cryptsetup-pre.target systemd-cryptsetup@%i.service shutdown.target
Wants=cryptsetup-pre.target

[Socket]
ListenStream=/run/cryptsetup-keys.d/%I.key
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes
FileDescriptorName=%I
Service=keyward-agent.service

[Install]
WantedBy=sysinit.target
`;

/**
 * Without the first ones the agent waits for sysinit.target, which waits for the volume, which waits for the agent.
 * What it has of a key is wiped, but for copies that its runtime has made: they must not reach the swap.
 */
const AGENT = `[Unit]
DefaultDependencies=no
After=systemd-tmpfiles-setup.service network.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
LimitCORE=0
MemorySwapMax=0
`;

const DEVICE_TIMEOUT = "90s";

export function unitFiles(delivery: UnlockDelivery): UnitFile[] {
  const { name, mount, start } = delivery;
  const crypt = cryptUnit(name);
  const socket = `keyward-key@${systemdEscape(name)}.socket`;
  const mounted = mount === undefined ? undefined : mountUnit(mount.point);
  const wants = mounted === undefined ? "" : `Wants=${mounted}\n`;
  // When the key comes later than the mount waits for its device.
  const mountLate =
    mounted === undefined
      ? ""
      : `ExecStartPost=-systemctl --no-block start ${mounted.replaceAll("\\", "\\\\")}\n`;
  const line = (path: string, text: string): UnitFile => ({
    path,
    kind: "line",
    text: `${text}\n`,
    owner: name,
  });
  const file = (path: string, text: string, owner: Owner = name): UnitFile => ({
    path,
    kind: "file",
    text,
    owner,
  });
  const files: UnitFile[] = [
    line("/etc/crypttab", `${name} ${encryptedDevice(delivery)} none luks,_netdev,nofail,headless=true`),
    file("/etc/systemd/system/keyward-key@.socket", KEY_SOCKET, "*"),
    file("/etc/systemd/system/keyward-agent.service.d/keyward-disk.conf", AGENT, "*"),
    file(
      `/etc/systemd/system/${crypt}.d/keyward.conf`,
      `[Unit]\nStartLimitIntervalSec=0\nWants=${socket}\nAfter=${socket}\n${wants}\n[Service]\nRestart=on-failure\nRestartSec=2s\n${mountLate}`,
    ),
  ];
  if (mount !== undefined && mounted !== undefined) {
    const options = [
      "_netdev",
      "nofail",
      `x-systemd.requires=${crypt}`,
      // Without an end it would hold up a shutdown as well: systemd waits until the opened device is gone.
      `x-systemd.device-timeout=${DEVICE_TIMEOUT}`,
      ...mount.options,
    ];
    files.push(
      line("/etc/fstab", `${openedDevice(delivery)} ${mount.point} ${mount.fstype} ${options.join(",")} 0 2`),
    );
    if (start.length > 0)
      files.push(file(`/etc/systemd/system/${mounted}.d/keyward.conf`, `[Unit]\nWants=${start.join(" ")}\n`));
    for (const unit of start)
      files.push(
        file(
          serviceDropIn(delivery, unit),
          `[Unit]\nRequiresMountsFor=${mount.point}\nBindsTo=${mounted}\nAfter=${mounted}\n`,
        ),
      );
  }
  return files;
}

/** What is to be enabled: on Debian 12 nothing starts `_netdev` volumes at boot otherwise. */
export function unitsToEnable({ name }: UnlockDelivery): string[] {
  return ["remote-cryptsetup.target", `keyward-key@${systemdEscape(name)}.socket`];
}

/** What is to be started now, if the volume is open: systemd takes it over, and closes it when the machine stops. */
export function unitsToStart({ name }: UnlockDelivery): string[] {
  return [cryptUnit(name)];
}

/** A service may need several volumes. */
export const serviceDropIn = ({ name }: UnlockDelivery, unit: string): string =>
  `/etc/systemd/system/${unit}.d/keyward-${name}.conf`;
