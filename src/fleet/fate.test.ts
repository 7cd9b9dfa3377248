import assert from "node:assert/strict";
import { test } from "node:test";
import type { DevicePath, MountPoint, UnlockDelivery, VolumeName } from "../model/volume.ts";
import { fateOf } from "./placements.ts";

test("a volume that the system lies on is said to stay open, closed or suspended as others may be", () => {
  const data: UnlockDelivery = {
    kind: "unlock",
    type: "luks",
    name: "data" as VolumeName,
    device: "/dev/disk/by-uuid/6b9e" as DevicePath,
    mount: { point: "/srv/data" as MountPoint, fstype: "ext4", options: [] },
    start: [],
    atLoss: "close",
    conditions: {},
  };
  const root = {
    ...data,
    name: "root" as VolumeName,
    mount: { ...data.mount, point: "/" as MountPoint },
  } as UnlockDelivery;
  assert.equal(fateOf(data, "close"), "/srv/data unmounted, data closed");
  for (const how of ["close", "suspend"] as const)
    assert.equal(fateOf(root, how), "root stays open until the machine is switched off, and then closed");
});
