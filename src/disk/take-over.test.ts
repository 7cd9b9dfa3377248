/** What systemctl is told; test/vm/parallel.story.ts has the real one. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { RunProgram } from "../adapters/process.ts";
import { createSystemd } from "../adapters/systemd/systemd.ts";
import { isKeywardError } from "../base/errors.ts";
import type { DevicePath, MountPoint, UnlockDelivery, VolumeName } from "../model/volume.ts";
import { closeVolume } from "./close.ts";
import type { DiskHost } from "./host.ts";
import { takeOver } from "./take-over.ts";

const top = mkdtempSync(join(tmpdir(), "keyward-take-over-"));
after(() => rmSync(top, { recursive: true }));

const delivery: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "data" as VolumeName,
  device: "/dev/disk/by-id/one" as DevicePath,
  mount: { point: "/srv/data" as MountPoint, fstype: "ext4", options: [] },
  start: [],
  atLoss: "close",
  conditions: {},
};
const lines = { crypttab: "# x\ndata /dev/vdb none\n", fstab: "/dev/mapper/data /srv/data/ ext4 nofail\n" };

function host({ systemd = true, state = "active", status = 0, tables = lines } = {}) {
  const root = mkdtempSync(join(top, "root-"));
  mkdirSync(join(root, "etc"));
  if (systemd) mkdirSync(join(root, "run/systemd/system"), { recursive: true });
  for (const [name, text] of Object.entries(tables)) writeFileSync(join(root, "etc", name), text);
  const said: string[] = [];
  const run: RunProgram = async ({ argv }) => {
    const words = argv.slice(1).filter((word) => word !== "--");
    const asks = words[0] === "show";
    if (!asks) said.push(words.join(" "));
    return {
      end: { kind: "exited", status: asks ? 0 : status },
      output: new Uint8Array(0),
      stdout: Buffer.from(`${state}\n`),
    };
  };
  const parts = { systemd: createSystemd(run, root, 400), luks: { status: async () => null } };
  return { host: parts as unknown as DiskHost, said };
}

const crypt = "systemd-cryptsetup@data.service";

test("a volume of crypttab that was opened here is systemd's: its units are started", async () => {
  const { host: one, said } = host();
  await takeOver(one, delivery);
  assert.deepEqual(said, [`start --no-block ${crypt}`, "start srv-data.mount"]);
});

test("where systemd goes on waiting for the key of a volume that is open, it begins anew", async () => {
  const { host: one, said } = host({ state: "activating" });
  await takeOver(one, delivery);
  assert.deepEqual(said, [
    `start --no-block ${crypt}`,
    `kill ${crypt}`,
    `start ${crypt}`,
    "start srv-data.mount",
  ]);
});

test("without systemd, without a line in crypttab, and without a line in fstab nothing is asked of it", async () => {
  const none = { crypttab: "#data /dev/vdb\nother /dev/vdc\n", fstab: "" };
  for (const how of [{ systemd: false }, { tables: none }]) {
    const { host: one, said } = host(how);
    await takeOver(one, delivery);
    assert.deepEqual(said, []);
  }
  const { host: one, said } = host({ tables: { ...lines, fstab: "/dev/mapper/data /srv/data2 ext4\n" } });
  await takeOver(one, delivery);
  assert.deepEqual(said, [`start --no-block ${crypt}`]);
});

test("a unit that does not start is said", async () => {
  const { host: one } = host({ status: 1 });
  await assert.rejects(takeOver(one, delivery), (error) => isKeywardError(error, "local"));
});

test("a volume that is closed is not waited for any more once it is locked", async () => {
  const { host: one, said } = host({ state: "activating" });
  assert.equal(await closeVolume(one, delivery), "closed");
  assert.deepEqual(said, [`stop ${crypt}`]);
  const { host: other, said: nothing } = host({ systemd: false });
  assert.equal(await closeVolume(other, delivery), "closed");
  assert.deepEqual(nothing, []);
});
