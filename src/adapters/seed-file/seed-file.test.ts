import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
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
import { utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { createSeedFile } from "./seed-file.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-seed-file-"));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const newPlace = () => {
  const directory = mkdtempSync(join(root, `${count++}-`));
  const path = join(directory, "seed");
  return { directory, path, place: createSeedFile(path) };
};
const [first, second] = [utf8("the first envelope"), utf8("the second")];
const code = (wanted: string) => (error: unknown) => isKeywardError(error) && error.code === wanted;

test("an empty place reads as nothing", async () => {
  const { place } = newPlace();
  assert.equal(await place.read("current"), null);
  assert.equal(await place.read("next"), null);
  assert.deepEqual(await place.inspect(), { warnings: [] });
  await place.erase();
});

test("a seed is created for its owner only, whatever the umask, and nothing else is left", async () => {
  const { directory, path, place } = newPlace();
  const before = process.umask(0);
  await place.create(first);
  process.umask(before);
  assert.deepEqual(await place.read("current"), first);
  assert.equal(statSync(path).mode & 0o7777, 0o600);
  assert.deepEqual(readdirSync(directory), ["seed"]);
});

test("a seed that is there is never overwritten", async () => {
  const { directory, path, place } = newPlace();
  writeFileSync(path, "precious");
  await assert.rejects(place.create(first), code("conflict"));
  assert.equal(readFileSync(path, "utf8"), "precious");
  assert.deepEqual(readdirSync(directory), ["seed"]);
});

test("of many who create at once, one does and the others are told", async () => {
  const { place, path } = newPlace();
  const all = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => place.create(Uint8Array.of(i))));
  const done = all.flatMap((one, i) => (one.status === "fulfilled" ? [i] : []));
  assert.equal(done.length, 1);
  assert.deepEqual([...readFileSync(path)], done);
});

test("a rotation stages, commits and erases; the old seed is there until it is replaced", async () => {
  const { directory, place } = newPlace();
  await assert.rejects(place.stage(second), code("not-found"));
  await place.create(first);
  await assert.rejects(place.commit(), code("not-found"));
  await place.stage(utf8("a draft"));
  await place.stage(second);
  assert.deepEqual(await place.read("current"), first);
  assert.deepEqual(await place.read("next"), second);
  await place.commit();
  assert.deepEqual(await place.read("current"), second);
  await place.erase();
  assert.deepEqual(readdirSync(directory), ["seed"]);
});

test("the old seed is overwritten on its disk, as far as a name still leads to it", async () => {
  const { directory, path, place } = newPlace();
  await place.create(first);
  // A second name of the old file shows what became of its content.
  const { linkSync } = await import("node:fs");
  linkSync(path, join(directory, "witness"));
  await place.stage(second);
  await place.commit();
  assert.deepEqual([...readFileSync(join(directory, "witness"))], Array(first.length).fill(0));
});

test("a mode that lets others in is said, and set right", async () => {
  const { path, place } = newPlace();
  await place.create(first);
  chmodSync(path, 0o644);
  const state = await place.inspect();
  assert.equal(state.mode, 0o644);
  assert.match(state.warnings.join(), /others could read or change it \(mode 0644\)/);
  assert.equal((await place.protect()).length, 1);
  assert.deepEqual(await place.inspect(), { mode: 0o600, warnings: [] });
  assert.deepEqual(await place.protect(), []);
});

test("what a killed program left half-written is removed at the next boot, and nothing else", async () => {
  const { directory, place } = newPlace();
  await place.create(first);
  for (const name of [".seed.new-0123456789abcdef", ".seed.next.new-0123456789abcdef", ".seed.new-notes"])
    writeFileSync(join(directory, name), "x");
  assert.equal((await place.protect()).length, 2);
  assert.deepEqual(readdirSync(directory).sort(), [".seed.new-notes", "seed"]);
});

test("a link, a directory and a missing directory are refused with a word about which", async () => {
  const { directory, path, place } = newPlace();
  writeFileSync(join(directory, "elsewhere"), "x");
  symlinkSync(join(directory, "elsewhere"), path);
  await assert.rejects(place.read("current"), /is a symbolic link/);
  await assert.rejects(place.create(first), code("conflict"));
  await assert.rejects(createSeedFile(directory).read("current"), /is not a file/);
  const nowhere = createSeedFile(join(directory, "no/such/seed"));
  await assert.rejects(nowhere.create(first), /its directory is not there/);
  assert.ok(!existsSync(join(directory, "no")));
});

test("a directory that is not there is made where the place says so, for its owner only, and else named", async () => {
  const directory = join(root, "not", "yet");
  const path = join(directory, "seed");
  assert.deepEqual(await createSeedFile(path).protect(), []);
  await assert.rejects(createSeedFile(path).create(first), {
    message: `seed file ${JSON.stringify(path)}: its directory is not there`,
  });
  await createSeedFile(path, { makesDirectory: true }).create(first);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.deepEqual(await createSeedFile(path).read("current"), first);
});
