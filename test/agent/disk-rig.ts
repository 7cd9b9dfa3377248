/**
 * A host's disks as far as they exist on any machine: LUKS volumes on image files by the real cryptsetup. Opening one
 * takes a device-mapper, and mounting it a device; of those two the result alone is kept here, for a key that really
 * fits. test/vm/volume.story.ts does the same with both.
 */
import { createLuks, type Luks } from "../../src/adapters/luks/luks.ts";
import { createLvm } from "../../src/adapters/lvm/lvm.ts";
import { createMounts, type Mounts } from "../../src/adapters/mount/mount.ts";
import { createSystemd } from "../../src/adapters/systemd/systemd.ts";
import { KeywardError } from "../../src/base/errors.ts";
import type { DiskHost } from "../../src/disk/disk.ts";

export interface DiskRig {
  readonly host: DiskHost;
  /** Name to device. */
  readonly open: ReadonlyMap<string, string>;
  readonly mounted: ReadonlyMap<string, string>;
}

export function createDiskRig(): DiskRig {
  const open = new Map<string, string>();
  const mounted = new Map<string, string>();
  const real = createLuks();
  const luks: Luks = {
    ...real,
    async open(device, name, key, { slot } = {}) {
      if ((await real.fits(device, key, slot)) === null)
        throw new KeywardError("wrong-key", `device ${device}`);
      open.set(name, device);
    },
    async close(name) {
      open.delete(name);
    },
    isThere: (name) => open.has(name),
    async status(name) {
      const device = open.get(name);
      return device === undefined ? null : { device, suspended: false };
    },
  };
  const mounts: Mounts = {
    ...createMounts(),
    at: (point) => mounted.get(point) ?? null,
    mount: async (device, { point }) => void mounted.set(point, device),
    unmount: async (point) => void mounted.delete(point),
    makeFileSystem: async () => {},
  };
  const systemd = { ...createSystemd(), isHere: () => false };
  return { host: { luks, mounts, systemd, lvm: createLvm() }, open, mounted };
}
