/**
 * One boot of a machine that holds nothing but a seed in its firmware: what a unit of its service manager would do.
 * Every boot does the same; the first finds no seed and an empty disk. `KW_REALM`: whose keys.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { EFIVARS_DIRECTORY } from "../../../src/adapters/uefi/efivars.ts";
import { DISK, DISK_KEY, makeHostKey, mountDisk, unmountDisk } from "./machine-keys.ts";
import { run, succeed } from "./programs.ts";
import { check, guest, mark, tell } from "./report.ts";
import { filesWith, lies } from "./traces.ts";

const FILE = "/mnt/written-by-the-first-boot";

void guest(async () => {
  await check("the seed is in the firmware", () => {
    tell("install", succeed("keyward", "seed", "install", "--uefi").split("\n")[0] ?? "");
    tell("seed", succeed("keyward", "seed", "show", "uefi", "-o", "name").trim());
  });
  mark("seed stored");

  await check("the SSH host key is derived, and ssh-keygen agrees", () => tell("host key", makeHostKey()));

  await check("the disk is formatted if it is blank, and opens", () => tell("disk", mountDisk()));

  await check("what was written stays", () => {
    tell("file", existsSync(FILE) ? readFileSync(FILE, "utf8") : "new");
    if (!existsSync(FILE)) writeFileSync(FILE, "here since the first boot");
    unmountDisk();
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
