/** What a machine makes of the seed in its firmware at each boot: its SSH host key, and the key of its disk. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { run, shell, succeed } from "./programs.ts";
import { mark } from "./report.ts";

export const DISK = process.env.KW_DISK ?? "";
export const DISK_KEY = "keyward derive web-1/data --unlisted --kind luks --seed uefi";
const OPENED = "/dev/mapper/data";
const HOST_KEY = "/etc/ssh/ssh_host_ed25519_key";

const SSH = "derive web-1/ssh --unlisted --kind ed25519 --purpose ssh-host --seed uefi".split(" ");
/** Random keys: the slot needs no slow derivation. */
const CHEAP = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000";

/** @returns Its fingerprint, on which ssh-keygen agrees. */
export function makeHostKey(): string {
  mkdirSync("/etc/ssh", { recursive: true });
  succeed("keyward", ...SSH, "--format", "openssh", "--out", HOST_KEY);
  const fingerprint = succeed("keyward", ...SSH, "--fingerprint").trim();
  assert.equal(succeed("ssh-keygen", "-l", "-f", HOST_KEY).split(" ")[1], fingerprint);
  assert.match(succeed("ssh-keygen", "-y", "-f", HOST_KEY), /^ssh-ed25519 /);
  return fingerprint;
}

/** blkid(8): 2 when nothing is found. */
const isBlank = (device: string): boolean => run(["blkid", "-p", device]).status === 2;

/** Formatted if it is blank, opened, and mounted at /mnt. @returns The UUID of its volume. */
export function mountDisk(): string {
  if (isBlank(DISK)) shell(`${DISK_KEY} | cryptsetup luksFormat -q ${CHEAP} --key-file=- ${DISK}`);
  mark("disk formatted");
  shell(`${DISK_KEY} | cryptsetup open --key-file=- ${DISK} data`);
  if (isBlank(OPENED)) succeed("mkfs.ext4", "-q", OPENED);
  succeed("mount", OPENED, "/mnt");
  return succeed("blkid", "-p", "-s", "UUID", "-o", "value", DISK).trim();
}

export function unmountDisk(): void {
  succeed("umount", "/mnt");
  succeed("cryptsetup", "close", "data");
}
