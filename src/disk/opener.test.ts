import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLuks } from "../adapters/luks/luks.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { type Attempt, findOpener } from "./opener.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-opener-"));
after(() => rmSync(root, { recursive: true }));
const luks = createLuks();
const name = "disk/db1" as KeyName;
const key = (version: number) => ({
  version: version as VersionNumber,
  value: Secret.take(systemRandom(32)),
});

let count = 0;
async function volume({ value }: ReturnType<typeof key>): Promise<string> {
  const path = join(root, `device-${++count}`);
  writeFileSync(path, "");
  truncateSync(path, 20 * 1024 * 1024);
  await luks.format(path, value);
  return path;
}

/** What is tried, in order: a slot, or all. */
function watched(device: string) {
  const tried: (number | "all")[] = [];
  const attempt: Attempt = (value, slot) => {
    tried.push(slot ?? "all");
    return luks.fits(device, value, slot);
  };
  return { tried, attempt };
}

test("the slot that is said to be a key's own is tried first, and no other when it opens", async () => {
  const [two, one] = [key(2), key(1)];
  const device = await volume(one);
  await luks.mark(device, { slot: 0, key: name, version: 1 });
  const { tried, attempt } = watched(device);
  const found = await findOpener(luks, device, name, [two, one], attempt);
  assert.deepEqual([found.key.version, found.slot, tried], [1, 0, [0]]);
});

test("a header that says nothing, or lies, hides no key", async () => {
  const [two, one] = [key(2), key(1)];
  const device = await volume(one);
  assert.equal((await findOpener(luks, device, name, [two, one])).key.version, 1);
  const other = await luks.addKey(device, one.value, Secret.take(systemRandom(32)));
  for (const [slot, version] of [
    [0, 2],
    [other, 1],
  ] as const)
    await luks.mark(device, { slot, key: name, version });
  const { tried, attempt } = watched(device);
  const found = await findOpener(luks, device, name, [two, one], attempt);
  assert.deepEqual([found.key.version, found.slot], [1, 0]);
  assert.deepEqual(tried, [0, other, "all", "all"]);
  await luks.mark(device, { slot: 0, key: "disk/other", version: 2 });
  assert.equal((await findOpener(luks, device, name, [two, one])).slot, 0);
});

test("a slot that is dear to try is no place to begin", async () => {
  const one = key(1);
  const device = await volume(one);
  const dear = ["luksAddKey", "-q", "--pbkdf=argon2id", "--pbkdf-force-iterations=4", "--pbkdf-memory=1024"];
  const input = Buffer.concat([one.value.reveal(), systemRandom(32)]);
  const words = [...dear, "--key-file=-", "--keyfile-size=32", "--new-keyfile-size=32", device, "-"];
  execFileSync("cryptsetup", words, { input });
  await luks.mark(device, { slot: 1, key: name, version: 1 });
  const { tried, attempt } = watched(device);
  assert.equal((await findOpener(luks, device, name, [one], attempt)).slot, 0);
  assert.deepEqual(tried, ["all"]);
});

test("when none opens it, the error tells a slot that should from a stranger's disk", async () => {
  const [two, one] = [key(2), key(1)];
  const device = await volume(one);
  await luks.mark(device, { slot: 0, key: name, version: 1 });
  await assert.rejects(findOpener(luks, device, name, [two]), {
    code: "wrong-key",
    message: /no version of disk\/db1 opens it/,
  });
  const fd = openSync(device, "r+");
  writeSync(fd, systemRandom(258_048), 0, 258_048, 32_768);
  await assert.rejects(findOpener(luks, device, name, [two, one]), {
    code: "wrong-key",
    message: /version 1 of disk\/db1 should open slot 0, and does not/,
  });
});
