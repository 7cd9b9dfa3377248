/**
 * `src/disk` on a real device-mapper: a volume on LVM, made on a blank disk, mounted, lost. `KW_PHASE`: which boot;
 * `KW_SEED`: makes this story's key. Each program of the host that changed something is a mark, named by its first words.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createLuks } from "../../../src/adapters/luks/luks.ts";
import { createLvm } from "../../../src/adapters/lvm/lvm.ts";
import { createMounts } from "../../../src/adapters/mount/mount.ts";
import { type RunProgram, runProgram } from "../../../src/adapters/process.ts";
import { createSystemd } from "../../../src/adapters/systemd/systemd.ts";
import { type ErrorCode, isKeywardError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import type { DurationMs } from "../../../src/base/time.ts";
import { systemRandom } from "../../../src/crypto/random.ts";
import { closeVolume, openVolume, reencryptVolume, type VolumeKey } from "../../../src/disk/disk.ts";
import type { VersionNumber } from "../../../src/model/key.ts";
import type { KeyName } from "../../../src/model/name.ts";
import type { DevicePath, MountPoint, UnlockDelivery, VolumeName } from "../../../src/model/volume.ts";
import { check, guest, mark, tell } from "./report.ts";

const key = "disk/db1" as KeyName;
const keyOf = (name: string, version: number): VolumeKey => ({
  version: version as VersionNumber,
  value: Secret.take(createHash("sha512").update(`${process.env.KW_SEED} ${name}`).digest()),
});
const delivery: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "data" as VolumeName,
  device: (process.env.KW_DISK ?? "") as DevicePath,
  beneath: { group: "vgdata", volume: "data" },
  mount: { point: "/srv/data" as MountPoint, fstype: "ext4", options: ["noatime"] },
  start: [],
  createIfBlank: true,
  atLoss: "close",
  conditions: {},
};
const FILE = "/srv/data/file";
const code =
  (wanted: ErrorCode, words = /./) =>
  (error: unknown) =>
    isKeywardError(error, wanted) && words.test(error.message);

const looking = [
  "blkid",
  "status",
  "isLuks",
  "luksDump",
  "luksUUID",
  "--test-passphrase",
  "lvs",
  "vgs",
  "pvs",
];
const marked: RunProgram = async (program) => {
  const ran = await runProgram(program);
  const words = program.argv.filter((word) => !word.startsWith("-") || word === "--test-passphrase");
  if (!program.argv.some((word) => looking.includes(word))) mark(words.slice(0, 2).join(" "));
  return ran;
};
/** In small pieces, so that there is time for what happens meanwhile. */
const slowly: RunProgram = (program) =>
  marked(
    program.argv.includes("reencrypt")
      ? { ...program, argv: [...program.argv, "--hotzone-size=4194304"] }
      : program,
  );
const host = {
  luks: createLuks(slowly),
  lvm: createLvm(marked),
  mounts: createMounts(marked),
  systemd: createSystemd(marked),
};
const right = [keyOf("right", 1)];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function reader(): Promise<ChildProcess> {
  const child = spawn("/bin/busybox", ["tail", "-f", FILE], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  return child;
}

const BENEATH = "/dev/vgdata/data";
const header: string[] = [];
function reencrypt(says: (progress: string) => void = () => {}) {
  const parts = { luks: host.luks, random: systemRandom, says, until: new AbortController().signal };
  const keepHeader = (uuid: string): void => void header.push(uuid);
  const [one = assert.fail()] = right;
  return reencryptVolume({ ...parts, keepHeader }, BENEATH, "data", key, one);
}

const phases: Readonly<Record<string, () => Promise<void>>> = {
  /** Cut off somewhere. */
  async make() {
    await openVolume(host, key, delivery, right);
  },

  async made() {
    await check("whatever broke off its making, the volume is made, mounted and empty", async () => {
      await openVolume(host, key, delivery, right);
      assert.equal(await host.luks.isUnfinished("/dev/vgdata/data"), false);
      assert.equal(existsSync(FILE), false);
      writeFileSync(FILE, "written\n", { flush: true });
    });
    await check("opened again it stays as it is", async () => {
      assert.deepEqual(await openVolume(host, key, delivery, right), {
        version: 1,
        made: false,
        failures: [],
      });
      assert.equal(readFileSync(FILE, "utf8"), "written\n");
    });
    mark("written");
  },

  async rebooted() {
    await check("a key that does not fit opens nothing, and the header says whose it is", async () => {
      await assert.rejects(openVolume(host, key, delivery, [keyOf("wrong", 2)]), code("wrong-key"));
      await assert.rejects(
        openVolume(host, key, delivery, [keyOf("wrong", 1)]),
        code("wrong-key", /should open slot 0/),
      );
      assert.equal(await host.luks.status("data"), null);
    });
    await check("files below the mount point are not hidden", async () => {
      mkdirSync("/srv/data", { recursive: true });
      writeFileSync("/srv/data/stray", "by a service that came too early");
      await assert.rejects(openVolume(host, key, delivery, right), code("conflict", /files lie there/));
      const { rmSync } = await import("node:fs");
      rmSync("/srv/data/stray");
    });
    await check("with the version before it opens, too, and what was written is there", async () => {
      const { version } = await openVolume(host, key, delivery, [keyOf("next", 2), ...right]);
      assert.equal(version, 1);
      assert.equal(readFileSync(FILE, "utf8"), "written\n");
    });
    await check("while it is used it does not close by itself, and the error says by whom", async () => {
      const child = await reader();
      await assert.rejects(closeVolume(host, delivery), code("busy", /busybox|tail/));
      assert.notEqual(await host.luks.status("data"), null);
      child.kill("SIGKILL");
    });
    await check("who uses it is ended when the node loses it", async () => {
      const child = await reader();
      const ended = new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)));
      assert.equal(await closeVolume(host, delivery, { evictAfter: 4000 as DurationMs }), "closed");
      assert.equal(await ended, "SIGTERM");
      assert.equal(existsSync("/dev/mapper/data"), false);
      assert.equal(await closeVolume(host, delivery), "closed");
    });
    await check("what cannot be closed is suspended: its key leaves the kernel, and comes back", async () => {
      await openVolume(host, key, delivery, right);
      const child = await reader();
      assert.equal(await closeVolume(host, delivery, { orSuspend: true }), "suspended");
      assert.equal((await host.luks.status("data"))?.suspended, true);
      assert.equal(await closeVolume(host, delivery, { orSuspend: true }), "suspended");
      await openVolume(host, key, delivery, right);
      assert.equal((await host.luks.status("data"))?.suspended, false);
      assert.equal(readFileSync(FILE, "utf8"), "written\n");
      child.kill("SIGKILL");
      assert.equal(await closeVolume(host, delivery, { evictAfter: 4000 as DurationMs }), "closed");
    });
    tell("uuid", await host.luks.uuid(BENEATH));
    tell("volume key", (await host.luks.volumeKey(BENEATH)).digest);
    await openVolume(host, key, delivery, right);
    // The power goes on the way.
    const over = new AbortController();
    void reencrypt().finally(() => over.abort());
    while (!over.signal.aborted && !(await host.luks.volumeKey(BENEATH)).underWay) await pause(5);
    mark("between two volume keys");
  },

  async rekeyed() {
    await check(
      "a power cut between two volume keys: the volume opens, and holds what was written",
      async () => {
        if (delivery.beneath !== undefined) await host.lvm.activate(delivery.beneath);
        assert.equal((await host.luks.volumeKey(BENEATH)).underWay, true);
        await openVolume(host, key, delivery, [keyOf("next", 2), ...right]);
        assert.equal(readFileSync(FILE, "utf8"), "written\n");
      },
    );
    await check("while it is mounted and written to it comes to its other volume key", async () => {
      const writes = setInterval(() => writeFileSync("/srv/data/more", "x".repeat(5000), { flag: "a" }), 5);
      const { resumed } = await reencrypt().finally(() => clearInterval(writes));
      assert.equal(resumed, true);
      assert.equal((await host.luks.volumeKey(BENEATH)).underWay, false);
      assert.equal((await host.luks.slots(BENEATH)).length, 1);
      assert.equal(header.length, 1);
      tell("volume key", (await host.luks.volumeKey(BENEATH)).digest);
    });
    await check("it closes, opens and holds everything", async () => {
      const { length } = readFileSync("/srv/data/more");
      assert.ok(length > 0);
      assert.equal(await closeVolume(host, delivery), "closed");
      await openVolume(host, key, delivery, right);
      assert.equal(readFileSync(FILE, "utf8"), "written\n");
      assert.equal(readFileSync("/srv/data/more", "utf8"), "x".repeat(length));
    });
  },

  async foreign() {
    await check("a disk with something else on it is left as it is", async () => {
      const { beneath: _, ...direct } = delivery;
      await assert.rejects(
        openVolume(host, key, direct, right),
        code("conflict", /not blank: it holds LVM2_member/),
      );
      const other = { ...delivery, beneath: { group: "other", volume: "data" } };
      await assert.rejects(
        openVolume(host, key, other, right),
        code("conflict", /is part of volume group vgdata/),
      );
      const nowhere = { ...direct, device: "/dev/none" as DevicePath };
      await assert.rejects(openVolume(host, key, nowhere, right), code("not-found"));
    });
    await check("it still opens", async () => {
      await openVolume(host, key, delivery, right);
      assert.equal(readFileSync(FILE, "utf8"), "written\n");
    });
  },
};

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
