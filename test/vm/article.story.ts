/**
 * The article's story: a database server with a blank disk. At its first boot the volume is made, at the next one it
 * opens, nobody is there, the database waits for it, and no file has the key.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Entry } from "./archive.ts";
import { formsOf, lies } from "./guest/traces.ts";
import { boot } from "./machine.ts";
import { createOutside, createSite, DATA_DISK } from "./site.ts";
import { createDebianMachine } from "./uml.ts";

const text = (path: string, content: string | Uint8Array): Entry => ({
  kind: "file",
  path,
  mode: 0o600,
  content: Buffer.from(content),
});

test("a blank disk, a reboot, and a database that waits for its volume", async (t) => {
  const machine = createDebianMachine();
  t.after(() => machine.remove());
  const site = await createSite(t);
  const key = await site.putKey("disk/db1");
  await site.grant("disk/db1", {
    name: "data",
    mount: { point: "/srv/data", fstype: "ext4", options: [] },
    start: ["mariadb.service"],
    createIfBlank: true,
  });
  let files: Buffer = Buffer.alloc(0);
  const outside = await createOutside(t, {
    files(given) {
      files = given;
    },
  });
  const at = (phase: string) => ({
    program: "article",
    port: site.front.port,
    words: { KW_PHASE: phase, KW_OUTSIDE: `${outside}` },
  });
  const nowhere = async () => {
    await t.test("the key lies on none of its disks, nor in its swap", () => {
      for (const disk of machine.disks) assert.equal(lies(disk, key), false, disk);
    });
    await t.test("the key lies in no file in memory, no command line and no environment", () => {
      assert.ok(files.length > 10_000);
      for (const form of formsOf(key)) assert.equal(files.includes(form), false);
    });
  };

  const first = await boot(t, machine, { ...at("first"), files: await site.enrolment() });
  assert.equal(first.swapped, "true");
  await nowhere();
  const second = await boot(t, machine, at("reboot"));
  await nowhere();
  await t.test("what is written there cannot be read on the disk", () => {
    assert.equal(readFileSync(machine.disk).includes("written at the first boot"), false);
  });

  const byFile = await boot(t, machine, {
    ...at("file"),
    files: [
      text("etc/data.key", key),
      text("etc/crypttab", `data ${DATA_DISK} /etc/data.key luks,nofail\n`),
      text("etc/fstab", "/dev/ubdb / ext4 rw 0 0\n/dev/mapper/data /srv/data ext4 nofail 0 2\n"),
    ],
  });
  await t.test("a search finds a key that does lie on a disk", () => {
    assert.ok(machine.disks.some((disk) => lies(disk, key)));
  });
  const seconds = (told: typeof second): string => (Number(told.mounted) / 1e6).toFixed(1);
  t.diagnostic(`from power-on to mounted: ${seconds(second)} s; with a key file ${seconds(byFile)} s`);
});
