/** `src/adapters/luks` on a real device-mapper. `KW_PHASE`: which boot. `KW_SEED`: makes this story's keys. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createLuks } from "../../../src/adapters/luks/luks.ts";
import { type ErrorCode, isKeywardError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { succeed } from "./programs.ts";
import { check, guest, mark, tell } from "./report.ts";
import { filesWith, lies } from "./traces.ts";

const luks = createLuks();
const DISK = process.env.KW_DISK ?? "";
const VOLUME = "/dev/vg/data";
const FILE = "/mnt/file";

/** The same after each boot, as if a server had it. */
const key = (name: string): Secret =>
  Secret.take(createHash("sha512").update(`${process.env.KW_SEED} ${name}`).digest());
const [old, next] = [key("old"), key("next")];
const code = (wanted: ErrorCode) => (error: unknown) => isKeywardError(error, wanted);

/** LVM without udev: nobody makes its device files. */
function lvm(...words: string[]): void {
  succeed("lvm", ...words);
  succeed("dmsetup", "mknodes");
  succeed("lvm", "vgmknodes");
}
const noUdev = ["--noudevsync", "-qq"];

const KEY_FILE = "/run/next.key";
const REENCRYPT = [
  ...["reencrypt", "--batch-mode", `--key-file=${KEY_FILE}`],
  ...["--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000"],
];
function reencrypt(how: string): void {
  writeFileSync(KEY_FILE, next.reveal());
  succeed("cryptsetup", ...REENCRYPT, how, VOLUME);
}

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async first() {
    await check("a logical volume that nothing was written to is blank", async () => {
      lvm("pvcreate", "-qq", DISK);
      lvm("vgcreate", "-qq", "vg", DISK);
      lvm("lvcreate", ...noUdev, "-Zn", "-Wn", "-L", "96M", "-n", "data", "vg");
      assert.deepEqual(await luks.contents(VOLUME), { kind: "blank" });
      assert.deepEqual(await luks.contents(DISK), { kind: "signature", type: "LVM2_member" });
      await assert.rejects(luks.format(DISK, old), code("conflict"));
    });
    mark("logical volume");
  },

  async format() {
    lvm("vgchange", ...noUdev, "-ay", "vg");
    await check("it is formatted, opened, and has a file system", async () => {
      await luks.format(VOLUME, old);
      mark("formatted");
      await luks.open(VOLUME, "data", old);
      succeed("mkfs.ext4", "-q", "/dev/mapper/data");
      succeed("mount", "/dev/mapper/data", "/mnt");
      writeFileSync(FILE, "written", { flush: true });
    });
    await check("an open volume is not blank, and is left as it is", async () => {
      await luks.open(VOLUME, "data", old);
      await luks.open(VOLUME, "data", next);
      await assert.rejects(luks.open(VOLUME, "twin", old), code("busy"));
      await assert.rejects(luks.open(DISK, "data", old), code("conflict"));
      assert.equal((await luks.status("data"))?.suspended, false);
      assert.equal(await luks.status("twin"), null);
    });
    await check("while it is mounted it does not close", async () => {
      await assert.rejects(luks.close("data"), code("busy"));
      assert.equal(readFileSync(FILE, "utf8"), "written");
    });
    await check("while it is mounted its keys are rotated", async () => {
      assert.equal(await luks.addKey(VOLUME, old, next), 1);
      assert.equal(readFileSync(FILE, "utf8"), "written");
    });
    mark("two keys");
  },

  async mounted() {
    lvm("vgchange", ...noUdev, "-ay", "vg");
    await check("after the power cut either key opens it, and the file is there", async () => {
      assert.equal(await luks.fits(VOLUME, old), 0);
      await luks.open(VOLUME, "data", next);
      succeed("mount", "/dev/mapper/data", "/mnt");
      assert.equal(readFileSync(FILE, "utf8"), "written");
    });
    await check(
      "a suspended volume has no key in the kernel, and comes back with the right one only",
      async () => {
        await luks.suspend("data");
        assert.equal((await luks.status("data"))?.suspended, true);
        await assert.rejects(luks.resume("data", key("other")), code("wrong-key"));
        await luks.resume("data", next);
        assert.equal(readFileSync(FILE, "utf8"), "written");
      },
    );
    await check("unmounted it closes; closed it stays closed", async () => {
      succeed("umount", "/mnt");
      await luks.close("data");
      await luks.close("data");
      assert.equal(existsSync("/dev/mapper/data"), false);
      await assert.rejects(luks.suspend("data"), code("not-found"));
      await assert.rejects(luks.resume("data", next), code("not-found"));
    });
    await check("the old key goes once the new one is proven", async () => {
      await luks.killSlot(VOLUME, 0, next);
      await assert.rejects(luks.open(VOLUME, "data", old), code("wrong-key"));
      await luks.open(VOLUME, "data", next);
      await luks.close("data");
    });
    await check("with its header gone it says so; from the backup it opens", async () => {
      await luks.backUp(VOLUME, "/run/header");
      succeed("dd", "if=/dev/zero", `of=${VOLUME}`, "bs=1M", "count=1", "conv=notrunc");
      await assert.rejects(luks.open(VOLUME, "data", next), code("integrity"));
      await luks.restore(VOLUME, "/run/header");
      await luks.open(VOLUME, "data", next);
      succeed("mount", "/dev/mapper/data", "/mnt");
      assert.equal(readFileSync(FILE, "utf8"), "written");
      succeed("umount", "/mnt");
      await luks.close("data");
    });
    await check("a device that is not there is not found", async () => {
      await assert.rejects(luks.open("/dev/vg/none", "none", next), code("not-found"));
    });
    await check("no key lies on the disk, or in a file", () => {
      for (const one of [old, next]) {
        assert.equal(lies(DISK, one.reveal()), false);
        assert.deepEqual(filesWith(["/run", "/tmp", "/etc", "/root"], one.reveal()), []);
      }
    });
    tell("uuid", await luks.uuid(VOLUME));
    // On its way to another volume key, and the power goes.
    await luks.open(VOLUME, "data", next);
    reencrypt("--init-only");
    spawn("cryptsetup", [...REENCRYPT, "--resume-only", VOLUME], { stdio: "ignore" });
    mark("reencrypting");
  },

  async reencrypted() {
    lvm("vgchange", ...noUdev, "-ay", "vg");
    await check("a reencryption that the power cut broke off: it opens, and takes no change", async () => {
      assert.equal(await luks.isReencrypting(VOLUME), true);
      await assert.rejects(luks.addKey(VOLUME, next, old), code("conflict"));
      const slot = (await luks.fits(VOLUME, next)) ?? assert.fail();
      await luks.open(VOLUME, "data", next, { slot });
      succeed("mount", "/dev/mapper/data", "/mnt");
      assert.equal(readFileSync(FILE, "utf8"), "written");
    });
    await check("it goes on while mounted, and is rotated as before", async () => {
      reencrypt("--resume-only");
      assert.equal(await luks.isReencrypting(VOLUME), false);
      assert.equal(readFileSync(FILE, "utf8"), "written");
      const slot = (await luks.fits(VOLUME, next)) ?? assert.fail();
      await luks.addKey(VOLUME, next, old);
      await luks.killSlot(VOLUME, slot, old);
      succeed("umount", "/mnt");
      await luks.close("data");
    });
  },
};

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
