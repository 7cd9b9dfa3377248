/**
 * One boot of a machine that holds nothing but a seed in its firmware: what a unit of its service manager would do.
 * Every boot does the same; the first finds no seed and an empty disk. `KW_REALM`: whose keys.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { EFIVARS_DIRECTORY } from "../../../src/adapters/uefi/efivars.ts";
import { run, shell, succeed } from "./programs.ts";
import { check, guest, mark, tell } from "./report.ts";
import { filesWith, lies } from "./traces.ts";

const DISK = process.env.KW_DISK ?? "";
const OPENED = "/dev/mapper/data";
const FILE = "/mnt/written-by-the-first-boot";
const HOST_KEY = "/etc/ssh/ssh_host_ed25519_key";

const SSH = "derive web-1/ssh --unlisted --kind ed25519 --purpose ssh-host --seed uefi".split(" ");
const DISK_KEY = "keyward derive web-1/data --unlisted --kind luks --seed uefi";
/** Random keys: the slot needs no slow derivation. */
const CHEAP = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000";

/** blkid(8): 2 when nothing is found. */
const isBlank = (device: string): boolean => run(["blkid", "-p", device]).status === 2;

void guest(async () => {
  await check("the seed is in the firmware", () => {
    tell("install", succeed("keyward", "seed", "install", "--uefi").split("\n")[0] ?? "");
    tell("seed", succeed("keyward", "seed", "show", "uefi", "-o", "name").trim());
  });
  mark("seed stored");

  await check("the SSH host key is derived, and ssh-keygen agrees", () => {
    mkdirSync("/etc/ssh", { recursive: true });
    succeed("keyward", ...SSH, "--format", "openssh", "--out", HOST_KEY);
    const fingerprint = succeed("keyward", ...SSH, "--fingerprint").trim();
    assert.equal(succeed("ssh-keygen", "-l", "-f", HOST_KEY).split(" ")[1], fingerprint);
    assert.match(succeed("ssh-keygen", "-y", "-f", HOST_KEY), /^ssh-ed25519 /);
    tell("host key", fingerprint);
  });

  await check("the disk is formatted if it is blank, and opens", async () => {
    if (isBlank(DISK)) shell(`${DISK_KEY} | cryptsetup luksFormat -q ${CHEAP} --key-file=- ${DISK}`);
    mark("disk formatted");
    shell(`${DISK_KEY} | cryptsetup open --key-file=- ${DISK} data`);
    if (isBlank(OPENED)) succeed("mkfs.ext4", "-q", OPENED);
    succeed("mount", OPENED, "/mnt");
    tell("disk", succeed("blkid", "-p", "-s", "UUID", "-o", "value", DISK).trim());
  });

  await check("what was written stays", () => {
    tell("file", existsSync(FILE) ? readFileSync(FILE, "utf8") : "new");
    if (!existsSync(FILE)) writeFileSync(FILE, "here since the first boot");
    succeed("umount", "/mnt");
    succeed("cryptsetup", "close", "data");
  });

  await check("the disk's key lies on no disk, in no variable and in no file", () => {
    const { stdout } = spawnSync("sh", ["-c", DISK_KEY]);
    assert.equal(stdout.length, 64);
    assert.equal(lies(DISK, stdout), false);
    assert.deepEqual(filesWith(["/run", "/tmp", "/etc", "/root", EFIVARS_DIRECTORY], stdout), []);
  });

  await check("another key does not open the disk", () => {
    const other = DISK_KEY.replace("web-1/data", "web-2/data");
    const { status } = run(["sh", "-c", `${other} | cryptsetup open --test-passphrase --key-file=- ${DISK}`]);
    assert.equal(status, 2);
  });
});
