import assert from "node:assert/strict";
import { test } from "node:test";
import type { DevicePath, MountPoint, UnitName, UnlockDelivery, VolumeName } from "../model/volume.ts";
import { systemdEscape, systemdEscapePath } from "./escape.ts";
import { unitFiles, unitsToEnable, unitsToStart } from "./units.ts";

const delivery: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "data-1" as VolumeName,
  device: "/dev/disk/by-id/one" as DevicePath,
  beneath: { group: "vgdata", volume: "data" },
  mount: { point: "/srv/my-data" as MountPoint, fstype: "ext4", options: ["noatime"] },
  start: ["mongod.service" as UnitName],
  atLoss: "close",
  conditions: {},
};

test("systemd opens the volume, mounts it, and starts what is bound to it", () => {
  const files = new Map(unitFiles(delivery).map(({ path, text }) => [path, text]));
  assert.equal(
    files.get("/etc/crypttab"),
    "data-1 /dev/vgdata/data none luks,_netdev,nofail,headless=true\n",
  );
  assert.equal(
    files.get("/etc/fstab"),
    "/dev/mapper/data-1 /srv/my-data ext4 _netdev,nofail,x-systemd.requires=systemd-cryptsetup@data\\x2d1.service,x-systemd.device-timeout=90s,noatime 0 2\n",
  );
  const crypt = files.get("/etc/systemd/system/systemd-cryptsetup@data\\x2d1.service.d/keyward.conf");
  assert.match(crypt ?? "", /^Wants=srv-my\\x2ddata.mount$/m);
  assert.match(crypt ?? "", /^StartLimitIntervalSec=0$/m);
  assert.match(crypt ?? "", /^ExecStartPost=-systemctl --no-block start srv-my\\\\x2ddata.mount$/m);
  assert.match(
    files.get("/etc/systemd/system/srv-my\\x2ddata.mount.d/keyward.conf") ?? "",
    /^Wants=mongod.service$/m,
  );
  const service = files.get("/etc/systemd/system/mongod.service.d/keyward-data-1.conf") ?? "";
  for (const line of [
    "RequiresMountsFor=/srv/my-data",
    "BindsTo=srv-my\\x2ddata.mount",
    "After=srv-my\\x2ddata.mount",
  ])
    assert.ok(service.split("\n").includes(line), line);
  assert.match(files.get("/etc/systemd/system/keyward-key@.socket") ?? "", /^DefaultDependencies=no$/m);
  assert.deepEqual(unitsToEnable(delivery), ["remote-cryptsetup.target", "keyward-key@data\\x2d1.socket"]);
  assert.deepEqual(unitsToStart(delivery), ["systemd-cryptsetup@data\\x2d1.service"]);
});

test("a volume that is not mounted has neither fstab nor units of a mount", () => {
  const { mount: _, ...rest } = delivery;
  const paths = unitFiles({ ...rest, start: [] }).map(({ path }) => path);
  assert.ok(!paths.includes("/etc/fstab"));
  assert.ok(!paths.some((path) => path.includes(".mount")));
});

test("names are escaped as systemd escapes them", () => {
  assert.equal(systemdEscape("data"), "data");
  assert.equal(systemdEscape(".a-b"), "\\x2ea\\x2db");
  assert.equal(systemdEscapePath("/srv/data"), "srv-data");
  assert.equal(systemdEscapePath("/"), "-");
  assert.equal(systemdEscapePath("/.a/.b"), "\\x2ea-.b");
});
