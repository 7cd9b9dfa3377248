/** With the real systemctl, on the files of a system that does not run. */
import assert from "node:assert/strict";
import { lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { DevicePath, UnlockDelivery, VolumeName } from "../../model/volume.ts";
import { createDiskHost } from "./host.ts";
import { removeUnits, writeUnits } from "./write-units.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-image-"));
after(() => rmSync(root, { recursive: true }));

const delivery: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "my-data" as VolumeName,
  device: "/dev/disk/by-id/one" as DevicePath,
  start: [],
  atLoss: "close",
  conditions: {},
};

test("the units of an image are enabled and disabled by systemctl, and nothing of this machine is asked", async () => {
  const host = createDiskHost();
  const how = { root, force: false, dryRun: false };
  const links = {
    target: join(root, "etc/systemd/system/multi-user.target.wants/remote-cryptsetup.target"),
    socket: join(root, "etc/systemd/system/sysinit.target.wants/keyward-key@my\\x2ddata.socket"),
  };
  await assert.rejects(writeUnits(host, delivery, how), {
    code: "local",
    hint: /systemctl --root=.* enable remote-cryptsetup.target/,
  });
  mkdirSync(join(root, "usr/lib/systemd/system"), { recursive: true });
  writeFileSync(
    join(root, "usr/lib/systemd/system/remote-cryptsetup.target"),
    "[Install]\nWantedBy=multi-user.target\n",
  );
  const rehearsed = await writeUnits(host, delivery, { ...how, dryRun: true });
  assert.equal(lstatSync(links.target, { throwIfNoEntry: false }), undefined);
  const done = await writeUnits(host, delivery, how);
  assert.deepEqual(done, rehearsed);
  assert.deepEqual(done.changes, []);
  assert.equal(readlinkSync(links.target), "/usr/lib/systemd/system/remote-cryptsetup.target");
  assert.equal(readlinkSync(links.socket), "/etc/systemd/system/keyward-key@.socket");
  await removeUnits(host, delivery.name, undefined, how);
  assert.equal(lstatSync(links.socket, { throwIfNoEntry: false }), undefined);
  assert.notEqual(lstatSync(links.target, { throwIfNoEntry: false }), undefined);
  assert.deepEqual((await removeUnits(host, delivery.name, undefined, how)).changes, []);
});
