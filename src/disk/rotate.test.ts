import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { copyHeader, restoreHeader } from "../adapters/luks/header-copy.ts";
import { createLuks } from "../adapters/luks/luks.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import { openHeader } from "../formats/header-backup/header-backup.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { VolumeKey } from "./host.ts";
import { rotateVolume } from "./rotate.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-rotate-"));
after(() => rmSync(root, { recursive: true }));
const luks = createLuks();
const name = "disk/db1" as KeyName;

/** A volume that version 1 of the key and a recovery key open, and what the server knows of it. */
async function bench(where: string) {
  const directory = mkdtempSync(join(root, `${where}-`));
  const device = join(directory, "device");
  for (const version of [1, 2]) writeFileSync(join(directory, `key-${version}`), systemRandom(32));
  writeFileSync(join(directory, "recovery"), systemRandom(32));
  writeFileSync(join(directory, "proved"), "1");
  writeFileSync(device, "");
  truncateSync(device, 20 * 1024 * 1024);
  const secret = (file: string) => Secret.take(readFileSync(join(directory, file)));
  await luks.format(device, secret("key-1"));
  await luks.addKey(device, secret("key-1"), secret("recovery"));
  await luks.mark(device, { slot: 1, key: "recovery", version: 0 });
  return { directory, device, secret };
}

type Bench = Awaited<ReturnType<typeof bench>>;

function rotateIn({ device, directory }: Bench, when = "", which = 0) {
  const script = join(import.meta.dirname, "../../test/disk/rotation.ts");
  return spawnSync(process.execPath, [script, device, directory, when, String(which)], { encoding: "utf8" });
}

/** Whatever the server would give now opens the volume. */
async function assertOpens({ device, directory, secret }: Bench, where: string): Promise<void> {
  const proved = readFileSync(join(directory, "proved"), "utf8");
  const given = proved === "2" ? ["key-2"] : ["key-2", "key-1"];
  const fits = await Promise.all(given.map((file) => luks.fits(device, secret(file))));
  assert.ok(
    fits.some((slot) => slot !== null),
    `${where}: nothing that the server has opens the volume`,
  );
  assert.equal(await luks.fits(device, secret("recovery")), 1, `${where}: the recovery key does`);
}

test("a killed rotation leaves a volume that the server can open, and goes on from there", async () => {
  const whole = await bench("whole");
  const said = rotateIn(whole);
  assert.equal(said.status, 0, said.stderr);
  const steps = 1 + Number(/"steps":(-?\d+)/.exec(said.stdout)?.[1]?.replace("-", "") ?? 0);
  assert.ok(steps >= 7, said.stdout);
  const pristine = await bench("pristine");
  for (const when of ["before", "after"])
    for (let which = 1; which < steps; which++) {
      const where = `${when} step ${which}`;
      const one = { ...pristine, device: join(pristine.directory, `device-${when}-${which}`) };
      copyFileSync(pristine.device, one.device);
      writeFileSync(join(one.directory, "proved"), "1");
      rmSync(join(one.directory, "headers"), { recursive: true, force: true });
      assert.equal(rotateIn(one, when, which).signal, "SIGKILL", where);
      await assertOpens(one, where);
      const again = rotateIn(one);
      assert.equal(again.status, 0, `${where}: ${again.stderr}`);
      await assertDone(one, where);
      rmSync(one.device);
    }
});

async function assertDone({ device, directory, secret }: Bench, where: string): Promise<void> {
  assert.equal(await luks.fits(device, secret("key-1")), null, `${where}: the old key is gone`);
  assert.notEqual(await luks.fits(device, secret("key-2")), null, `${where}: the new key opens it`);
  assert.equal(await luks.fits(device, secret("recovery")), 1, where);
  assert.equal((await luks.slots(device)).length, 2, `${where}: no slot is left over`);
  const tokens = (await luks.tokens(device)).map(({ key, version }) => `${key}@${version}`).sort();
  assert.deepEqual(tokens, ["disk/db1@2", "recovery@0"], where);
  const uuid = await luks.uuid(device);
  const kept = readdirSync(join(directory, "headers"));
  assert.deepEqual(kept, [`${uuid}-2`], `${where}: no header with the old key is kept`);
  const sealed = readFileSync(join(directory, "headers", `${uuid}-2`));
  assert.equal(sealed.includes("LUKS"), false, "it is sealed");
  writeFileSync(device, Buffer.alloc(65_536), { flag: "r+" });
  await assert.rejects(luks.fits(device, secret("key-2")));
  using backup = openHeader(sealed, secret("key-2")).header;
  await restoreHeader(luks, device, backup);
  assert.notEqual(
    await luks.fits(device, secret("key-2")),
    null,
    `${where}: it opens from its header's copy`,
  );
  assert.equal(await luks.fits(device, secret("key-1")), null, where);
}

const parts = (commit: (key: VolumeKey) => Promise<boolean>) => ({
  luks,
  random: systemRandom,
  commit,
  keepHeader: () => {},
});
const keysOf = ({ secret }: Bench): VolumeKey[] =>
  [2, 1].map((version) => ({ version: version as VersionNumber, value: secret(`key-${version}`) }));

test("while the server does not believe the new key, both open the volume", async () => {
  const one = await bench("refused");
  await assert.rejects(
    rotateVolume(
      parts(async () => false),
      one.device,
      name,
      keysOf(one),
    ),
    (error) => isKeywardError(error, "denied"),
  );
  assert.equal(await luks.fits(one.device, one.secret("key-1")), 0);
  assert.equal(await luks.fits(one.device, one.secret("key-2")), 2);
  const again = await rotateVolume(
    parts(async () => true),
    one.device,
    name,
    keysOf(one),
  );
  assert.deepEqual(again, { version: 2, removed: [0] });
  assert.deepEqual(
    await rotateVolume(
      parts(async () => true),
      one.device,
      name,
      keysOf(one),
    ),
    { version: 2, removed: [] },
  );
});

test("a disk of another node is left as it is", async () => {
  const one = await bench("foreign");
  const before = (await copyHeader(luks, one.device)).reveal();
  const keys = [2, 1].map((version) => ({
    version: version as VersionNumber,
    value: Secret.take(systemRandom(32)),
  }));
  await assert.rejects(
    rotateVolume(
      parts(async () => assert.fail()),
      one.device,
      name,
      keys,
    ),
    (error) => isKeywardError(error, "wrong-key"),
  );
  assert.deepEqual((await copyHeader(luks, one.device)).reveal(), before);
});

test("a header that lies about its slots costs no slot that is not proven to be spare", async () => {
  const one = await bench("lies");
  await luks.mark(one.device, { slot: 0, key: name, version: 9 });
  await luks.mark(one.device, { slot: 1, key: name, version: 8 });
  const only = keysOf(one).slice(1);
  await rotateVolume(
    parts(async () => true),
    one.device,
    name,
    only,
  );
  assert.equal(await luks.fits(one.device, one.secret("key-1")), 0, "the slot that was proven stays");
});
