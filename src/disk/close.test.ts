import assert from "node:assert/strict";
import { test } from "node:test";
import type { DevicePath, MountPoint, UnlockDelivery, VolumeName } from "../model/volume.ts";
import { closeVolume } from "./close.ts";
import type { DiskHost } from "./host.ts";

const root: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "root" as VolumeName,
  device: "/dev/disk/by-uuid/6b9e" as DevicePath,
  mount: { point: "/" as MountPoint, fstype: "ext4", options: [] },
  start: [],
  atLoss: "suspend",
  conditions: {},
};

/** A machine whose root lies on that volume; everything that would change it is the end of the test. */
function rootedHost(): DiskHost {
  const never = async (): Promise<never> => assert.fail("nothing may be done to it");
  return {
    luks: {
      status: async () => ({ device: root.device, suspended: false }),
      close: never,
      suspend: never,
    },
    mounts: { carries: (device: string, point: string) => device === "/dev/mapper/root" && point === "/" },
    systemd: { isHere: () => true, stop: never },
    lvm: {},
  } as unknown as DiskHost;
}

test("what the system lies on stays open, whatever is asked", async () => {
  for (const options of [{}, { orSuspend: true }, { suspend: true }, { evictAfter: 0 as never }])
    await assert.rejects(closeVolume(rootedHost(), root, options), {
      code: "busy",
      message: /the system itself lies on it/,
      hint: /switch the machine off/,
    });
});
