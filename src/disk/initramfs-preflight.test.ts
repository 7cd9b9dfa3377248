import assert from "node:assert/strict";
import { test } from "node:test";
import type { DevicePath, MountPoint, UnlockDelivery, VolumeName } from "../model/volume.ts";
import { type InitramfsSettings, initramfsCrypttab, initramfsFiles } from "./initramfs.ts";
import { initramfsPreflight, isInitramfss } from "./initramfs-preflight.ts";

const root: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "root" as VolumeName,
  device: "/dev/disk/by-uuid/6b9e" as DevicePath,
  mount: { point: "/" as MountPoint, fstype: "ext4", options: [] },
  start: [],
  atLoss: "close",
  conditions: {},
};
const settings: InitramfsSettings = {
  volumes: [root],
  tool: "initramfs-tools",
  state: "/var/lib/keyward-agent",
  identity: "derived",
  seed: "uefi",
  program: { kind: "executable", path: "/usr/bin/keyward" },
};

/** A machine on paper: everything as it should be. */
function setUp(one: InitramfsSettings = settings) {
  const texts = new Map(initramfsFiles(one).map(({ path, text }) => [path, text]));
  texts.set("/etc/crypttab", `# none\n${initramfsCrypttab(one).join("\n")}\n`);
  const stats = new Map([["/boot/initrd.img-6.1", { modified: 2000, mode: 0o600 }]]);
  const files = {
    read: (path: string) => texts.get(path) ?? null,
    list: () => ["initrd.img-6.1", "vmlinuz-6.1"],
    stat: (path: string) => stats.get(path) ?? (texts.has(path) ? { modified: 1000, mode: 0o644 } : null),
  };
  const states = () => initramfsPreflight(root, files).map(({ state, says }) => `${state}: ${says}`);
  return { texts, stats, files, states };
}

test("with hook, line and image there is nothing to say, by either tool", () => {
  assert.deepEqual(setUp().states(), ["ok: initramfs-tools opens it"]);
  assert.deepEqual(setUp({ ...settings, tool: "dracut" }).states(), ["ok: dracut opens it"]);
});

test("what is lacking, or was changed, is named with the next step", () => {
  const { texts, states } = setUp();
  texts.delete("/etc/initramfs-tools/scripts/init-premount/keyward");
  texts.set("/etc/initramfs-tools/hooks/keyward", "#!/bin/sh\n");
  texts.set("/etc/crypttab", "root /dev/disk/by-uuid/6b9e none luks\n");
  assert.deepEqual(states(), [
    "warning: somebody has changed /etc/initramfs-tools/hooks/keyward",
    "wrong: /etc/initramfs-tools/scripts/init-premount/keyward is missing: keyward disk initramfs root",
    "wrong: initramfs is missing in /etc/crypttab",
    "wrong: keyscript=/etc/keyward/initramfs/keyscript is missing in /etc/crypttab",
  ]);
  texts.clear();
  assert.match(states()[0] ?? "", /^wrong: not told of it/);
});

test("an image that is older than what it was made of is to be made anew", () => {
  const { stats, states } = setUp();
  stats.set("/var/lib/keyward-agent/ca.pem", { modified: 3000, mode: 0o600 });
  assert.deepEqual(states(), [
    "warning: an image is older than /var/lib/keyward-agent/ca.pem: update-initramfs -u",
    "ok: initramfs-tools opens it",
  ]);
});

test("an image with the node's key that others may read is wrong", () => {
  const { stats, states } = setUp({ ...settings, identity: "kept" });
  assert.match(states()[0] ?? "", /^warning: its image holds this node's private key/);
  stats.set("/boot/initrd.img-6.1", { modified: 2000, mode: 0o644 });
  assert.match(states()[0] ?? "", /^wrong: .*others may read it/);
});

test("it is looked at for the root, and for what the initramfs was told of", () => {
  const { files } = setUp();
  const { mount: _, ...other } = root;
  assert.ok(isInitramfss(root, { read: () => null, list: () => null }));
  assert.ok(isInitramfss(other, files));
  assert.ok(!isInitramfss({ ...other, name: "data" as VolumeName }, files));
});
