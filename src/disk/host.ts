/** Disk host: the programs of the host that volumes need, and the keys that open one. */
import type { Luks } from "../adapters/luks/luks.ts";
import type { Lvm } from "../adapters/lvm/lvm.ts";
import type { Mounts } from "../adapters/mount/mount.ts";
import type { Systemd } from "../adapters/systemd/systemd.ts";
import type { Secret } from "../base/secret.ts";
import type { VersionNumber } from "../model/key.ts";

export interface DiskHost {
  readonly luks: Luks;
  readonly lvm: Lvm;
  readonly mounts: Mounts;
  readonly systemd: Systemd;
}

/** One version of a volume's key. Whoever made it wipes it. */
export interface VolumeKey {
  readonly version: VersionNumber;
  readonly value: Secret;
}
