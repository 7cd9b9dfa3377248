import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createUnitPlaces } from "../adapters/systemd/unit-places.ts";
import type { DevicePath, MountPoint, UnitName, UnlockDelivery, VolumeName } from "../model/volume.ts";
import { planRemoval, planUnits, type UnitChange } from "./unit-plan.ts";
import { unitFiles } from "./units.ts";

const top = mkdtempSync(join(tmpdir(), "keyward-units-"));
after(() => rmSync(top, { recursive: true }));

const data: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "data" as VolumeName,
  device: "/dev/disk/by-id/one" as DevicePath,
  mount: { point: "/srv/data" as MountPoint, fstype: "ext4", options: [] },
  start: ["mongod.service" as UnitName],
  atLoss: "close",
  conditions: {},
};
const more: UnlockDelivery = {
  ...data,
  name: "more" as VolumeName,
  device: "/dev/disk/by-id/two" as DevicePath,
  mount: { point: "/srv/more" as MountPoint, fstype: "xfs", options: ["noatime"] },
};

const CRYPTTAB = "# <target> <source>\nswap /dev/sda2 /dev/urandom swap\n";
const FSTAB = "/dev/sda1 / ext4 errors=remount-ro 0 1\n//nas/x /mnt cifs password=\xff\xfe 0 0";

function machine() {
  const root = mkdtempSync(join(top, "root-"));
  mkdirSync(join(root, "etc/systemd/system"), { recursive: true });
  writeFileSync(join(root, "etc/crypttab"), CRYPTTAB, "latin1");
  writeFileSync(join(root, "etc/fstab"), FSTAB, "latin1");
  const places = createUnitPlaces(root);
  const carry = (changes: readonly UnitChange[]): string[] => {
    for (const { path, before, after } of changes) places.replace(path, before, after);
    return changes.map(({ path }) => path);
  };
  const text = (path: string): string => readFileSync(join(root, path), "latin1");
  return { root, places, carry, text };
}

/** Every file below, with its text. */
function filesOf(root: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      found.set(path.slice(root.length), readFileSync(path, "latin1"));
    }
  return found;
}

test("what systemd needs is written once, and taken away again without a trace", () => {
  const { root, places, carry, text } = machine();
  const before = filesOf(root);
  assert.deepEqual(carry(planUnits(data, places)).slice(-2), ["/etc/fstab", "/etc/crypttab"]);
  for (const { path, text: wanted } of unitFiles(data)) assert.ok(text(path).endsWith(wanted), path);
  assert.ok(text("etc/crypttab").startsWith(CRYPTTAB));
  assert.ok(text("etc/fstab").startsWith(FSTAB));
  assert.deepEqual(planUnits(data, places), []);
  carry(planRemoval(data.name, undefined, places));
  before.set("/etc/fstab", `${FSTAB}\n`);
  assert.deepEqual(filesOf(root), before);
  assert.deepEqual(planRemoval(data.name, undefined, places), []);
});

test("two volumes of one service lie side by side, and what both need goes with the last", () => {
  const { root, places, carry, text } = machine();
  carry(planUnits(data, places));
  const alone = filesOf(root);
  carry(planUnits(more, places));
  assert.deepEqual(planUnits(data, places), []);
  assert.ok(text("etc/systemd/system/mongod.service.d/keyward-more.conf").includes("/srv/more"));
  carry(planRemoval(more.name, more, places));
  assert.deepEqual(filesOf(root), alone);
});

test("when the grant changes, so does what was written, and what it has no more goes", () => {
  const { places, carry, text } = machine();
  carry(planUnits(data, places));
  const { mount: _, ...bare } = data;
  const paths = carry(
    planUnits({ ...bare, start: [], device: "/dev/disk/by-id/three" as DevicePath }, places),
  );
  assert.equal(text("etc/fstab"), `${FSTAB}\n`);
  assert.match(text("etc/crypttab"), /^data \/dev\/disk\/by-id\/three none/m);
  assert.ok(paths.includes("/etc/systemd/system/mongod.service.d/keyward-data.conf"));
  assert.equal(places.read("/etc/systemd/system/srv-data.mount.d/keyward.conf"), null);
});

test("what somebody else wrote for the volume is named, and nothing is written", () => {
  const { root, places, carry, text } = machine();
  const foreign = [
    ["etc/crypttab", `${CRYPTTAB}data UUID=1 none luks\nother /dev/disk/by-id/one none luks\n`],
    ["etc/fstab", "/dev/sdb1 /srv/data/ ext4 defaults 0 2\n"],
    ["etc/systemd/system/keyward-key@.socket", "[Socket]\n"],
  ] as const;
  for (const [path, content] of foreign) writeFileSync(join(root, path), content);
  const before = filesOf(root);
  assert.throws(
    () => planUnits(data, places),
    (error: Error) => {
      for (const place of [
        "/etc/crypttab line 3",
        "/etc/crypttab line 4",
        "/etc/fstab line 1",
        "keyward-key@.socket",
      ])
        assert.ok(error.message.includes(place), place);
      assert.doesNotMatch(error.message, /UUID=1|defaults/);
      return true;
    },
  );
  assert.deepEqual(filesOf(root), before);
  carry(planUnits(data, places, { force: true }));
  assert.equal(text("etc/crypttab").match(/^data /gm)?.length, 1);
  assert.deepEqual(planUnits(data, places), []);
});

test("units and lines that were put there from print count as ours", () => {
  const { root, places, carry, text } = machine();
  for (const { path, kind, text: content } of unitFiles(data)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content, { flag: kind === "line" ? "a" : "w" });
  }
  // The last line had no end.
  writeFileSync(
    join(root, "etc/fstab"),
    text("etc/fstab").replace("0 0/dev/mapper", "0 0\n/dev/mapper"),
    "latin1",
  );
  assert.deepEqual(planUnits(data, places), []);
  carry(planRemoval(data.name, data, places));
  assert.equal(text("etc/crypttab"), CRYPTTAB);
  assert.deepEqual(readdirSync(join(root, "etc/systemd/system")), []);
});

test("a file that is replaced keeps its owner and its mode, and is never followed through a link", () => {
  const { root, places, carry } = machine();
  const file = join(root, "etc/crypttab");
  chmodSync(file, 0o640);
  const root0 = process.getuid?.() === 0;
  if (root0) chownSync(file, 12, 34);
  carry(planUnits(data, places));
  const { mode, uid, gid } = statSync(file);
  assert.equal(mode & 0o777, 0o640);
  if (root0) assert.deepEqual([uid, gid], [12, 34]);
  rmSync(file);
  symlinkSync("fstab", file);
  assert.throws(() => planUnits(data, places), { code: "local" });
  assert.throws(() => planRemoval(data.name, data, places), { code: "local" });
});

test("a table that somebody changes meanwhile is not overwritten", () => {
  const { root, places, carry, text } = machine();
  const changes = planUnits(data, places);
  writeFileSync(join(root, "etc/crypttab"), "new /dev/sdx none\n");
  assert.throws(() => carry(changes), { code: "conflict" });
  assert.equal(text("etc/crypttab"), "new /dev/sdx none\n");
  carry(planUnits(data, places));
  assert.deepEqual(planUnits(data, places), []);
});

test("whatever step it is killed at, the tables are whole, and the next run completes it", () => {
  const whole = machine();
  whole.carry(planUnits(data, whole.places));
  const expected = filesOf(whole.root);
  const script = join(import.meta.dirname, "../../test/disk/write-units.ts");
  const tables = (root: string) =>
    ["etc/crypttab", "etc/fstab"].map((path) => readFileSync(join(root, path), "latin1"));
  for (let step = 1; ; step++) {
    const { root, places, carry } = machine();
    const old = tables(root);
    const { signal, status, stderr } = spawnSync(process.execPath, [script, root, String(step)], {
      input: JSON.stringify(data),
      encoding: "utf8",
    });
    for (const [i, now] of tables(root).entries())
      assert.ok(now === old[i] || now === expected.get(["/etc/crypttab", "/etc/fstab"][i] ?? ""), `${step}`);
    carry(planUnits(data, places));
    assert.deepEqual(filesOf(root), expected, `${step}`);
    if (signal === null) {
      assert.equal(status, 0, stderr);
      assert.ok(step > 12, `${step}`);
      return;
    }
    assert.equal(signal, "SIGKILL");
  }
});
