import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import type { DevicePath, UnlockDelivery, VolumeName } from "../model/volume.ts";
import {
  type InitramfsSettings,
  initramfsCommand,
  initramfsCrypttab,
  initramfsFiles,
  isUnchanged,
} from "./initramfs.ts";

const root: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "root" as VolumeName,
  device: "/dev/disk/by-uuid/6b9e" as DevicePath,
  start: [],
  atLoss: "close",
  conditions: {},
};
const settings: InitramfsSettings = {
  volumes: [root, { ...root, name: "swap" as VolumeName, device: "/dev/disk/by-uuid/7c1f" as DevicePath }],
  tool: "initramfs-tools",
  state: "/var/lib/keyward-agent",
  identity: "derived",
  seed: "uefi",
  program: { kind: "executable", path: "/usr/bin/keyward" },
};
const texts = (one: InitramfsSettings) => new Map(initramfsFiles(one).map(({ path, text }) => [path, text]));

test("for initramfs-tools: a keyscript, a hook, the network, and an image that only root may read", () => {
  const files = texts(settings);
  assert.deepEqual(
    [...files.keys()],
    [
      "/etc/keyward/initramfs/settings",
      "/etc/keyward/initramfs/copy",
      "/etc/keyward/initramfs/keyscript",
      "/etc/initramfs-tools/hooks/keyward",
      "/etc/initramfs-tools/scripts/init-premount/keyward",
      "/etc/initramfs-tools/scripts/init-bottom/keyward",
      "/etc/initramfs-tools/conf.d/keyward",
    ],
  );
  assert.match(files.get("/etc/keyward/initramfs/settings") ?? "", /^VOLUMES='root swap'$/m);
  assert.match(files.get("/etc/initramfs-tools/conf.d/keyward") ?? "", /^UMASK=0077$/m);
  assert.deepEqual(initramfsCrypttab(settings), [
    "root /dev/disk/by-uuid/6b9e none luks,initramfs,keyscript=/etc/keyward/initramfs/keyscript",
    "swap /dev/disk/by-uuid/7c1f none luks,initramfs,keyscript=/etc/keyward/initramfs/keyscript",
  ]);
  assert.equal(initramfsCommand("initramfs-tools"), "update-initramfs -u");
});

test("for dracut: a module, which makes a socket for each volume", () => {
  const files = texts({ ...settings, tool: "dracut" });
  const module = files.get("/usr/lib/dracut/modules.d/90keyward/module-setup.sh") ?? "";
  assert.match(module, /^ListenStream=\/run\/cryptsetup-keys\.d\/\$name\.key$/m);
  assert.match(module, /^StandardOutput=socket$/m);
  assert.ok(!files.has("/etc/keyward/initramfs/keyscript"));
  assert.equal(
    initramfsCrypttab({ ...settings, tool: "dracut" })[0],
    "root /dev/disk/by-uuid/6b9e none luks",
  );
});

test("every script is one that its shell can read", () => {
  for (const tool of ["initramfs-tools", "dracut"] as const)
    for (const { path, text } of initramfsFiles({ ...settings, tool })) {
      const shell = text.startsWith("#!/bin/bash") ? "bash" : "sh";
      const { status, stderr } = spawnSync(shell, ["-n"], { input: text, encoding: "utf8" });
      assert.equal(status, 0, `${path}: ${stderr}`);
    }
});

test("the node's key is for an image only when it is kept, and that was said", () => {
  const derived = texts(settings).get("/etc/keyward/initramfs/settings") ?? "";
  assert.match(derived, /^IDENTITY='derived'\nSEED='uefi'$/m);
  const kept = texts({ ...settings, identity: "kept" }).get("/etc/keyward/initramfs/settings") ?? "";
  assert.match(kept, /^IDENTITY='kept'\nSEED=''$/m);
});

test("a file that somebody has changed is told from one of ours, also of other settings", () => {
  for (const { text } of initramfsFiles({ ...settings, identity: "kept" })) {
    assert.ok(isUnchanged(text));
    assert.ok(!isUnchanged(`${text}\nmore`));
    assert.ok(!isUnchanged(text.replace("Keyward", "keyward")));
  }
  assert.ok(!isUnchanged("#!/bin/sh\n"));
});

test("what could say something to a shell is in no script", () => {
  for (const path of ["/opt/key ward", "/opt/$(id)", "/opt/'x'"])
    assert.throws(
      () => initramfsFiles({ ...settings, program: { kind: "executable", path } }),
      (error) => isKeywardError(error, "usage"),
    );
});
