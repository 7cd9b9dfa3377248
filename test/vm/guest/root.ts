/**
 * A machine whose root file system lies on a volume of Keyward's. `KW_PHASE`: which boot. The first is of another disk:
 * it makes the volume and a system on it. The others are what an initramfs of Debian's has brought up.
 */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { ask } from "./outside.ts";
import { succeed } from "./programs.ts";
import { check, guest, tell } from "./report.ts";

const DEVICE = "/dev/disk/by-path/platform-uml-blkdev.0";
const STATE = "/var/lib/keyward-agent";
const SERVER = `https://keys.test:${process.env.KW_PORT}`;
const JOINING = "--cacert /etc/keyward/ca.pem --join-token-file /etc/keyward/db1.join --name db1".split(" ");
const agent = (...words: string[]): string =>
  succeed("keyward", "agent", "--once", "--server", SERVER, ...words);

/** The first process of the system on the encrypted disk, whichever initramfs has brought it up. */
const INIT = `#!/bin/busybox sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -o remount,rw /
mount -t tmpfs tmpfs /tmp
for word in $(cat /proc/cmdline); do
  case $word in KW_*) export "$word" ;; esac
done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
node "/guest/$KW_PROGRAM.cjs" || echo "root-init: $KW_PROGRAM ended with $?"
poweroff -f
`;

/** The system that runs now, put there. */
function makeSystem(): void {
  succeed("mount", "/dev/mapper/root", "/mnt");
  for (const folder of ["proc", "sys", "dev", "run", "tmp", "root", "mnt"]) mkdirSync(`/mnt/${folder}`);
  for (const folder of ["bin", "sbin", "usr", "lib", "lib64", "etc", "opt", "guest", "var"])
    if (existsSync(`/${folder}`)) succeed("cp", "-a", `/${folder}`, `/mnt/${folder}`);
  writeFileSync("/mnt/root-init", INIT, { mode: 0o755 });
  succeed("umount", "/mnt");
}

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async make() {
    mkdirSync("/dev/disk/by-path", { recursive: true });
    symlinkSync("/dev/ubda", DEVICE);
    mkdirSync("/var/lib", { recursive: true });
    await check("the node enrols, makes the volume, and gives it a recovery key", async () => {
      agent("--no-disks", ...JOINING);
      succeed("keyward", "disk", "init", "root");
      succeed("keyward", "disk", "escrow", "root", "--shares", "2", "--threshold", "2", "--out", "/tmp/root");
      for (const n of [1, 2]) await ask(`share ${n}`, readFileSync(`/tmp/root-${n}.share`));
    });
    await check("a system is put on it", makeSystem);
    for (const file of ["identity.pem", "ca.pem", "server.json", "volumes.json"])
      await ask(file, readFileSync(`${STATE}/${file}`));
    await ask("hosts", readFileSync("/etc/hosts"));
    succeed("keyward", "disk", "lock", "root");
  },

  async opened() {
    await check("the root file system is the one on the encrypted volume", () => {
      assert.match(readFileSync("/proc/mounts", "utf8"), /^\/dev\/mapper\/root \/ /m);
    });
    await check(
      "the agent goes on with what the initramfs enrolled with, and is not taken for a copy",
      () => {
        assert.equal(existsSync("/run/keyward-boot/certificate.pem"), process.env.KW_TYPED === undefined);
        if (process.env.KW_TYPED === undefined) agent();
      },
    );
    appendFileSync("/etc/boots", "one more\n");
    tell("boots", String(readFileSync("/etc/boots", "utf8").trim().split("\n").length));
    tell("up", readFileSync("/proc/uptime", "utf8").split(" ")[0] ?? "");
  },
};

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
