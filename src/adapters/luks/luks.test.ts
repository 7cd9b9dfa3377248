import assert from "node:assert/strict";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ErrorCode, isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { systemRandom } from "../../crypto/random.ts";
import type { KeyName } from "../../model/name.ts";
import { type Program, type RunProgram, runProgram } from "../process.ts";
import { createLuks } from "./luks.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-luks-"));
after(() => rmSync(root, { recursive: true }));

const luks = createLuks();
const randomKey = (length = 64): Secret => Secret.take(systemRandom(length));
const code =
  (wanted: ErrorCode, message = /./) =>
  (error: unknown) =>
    isKeywardError(error, wanted) && message.test(error.message);

let count = 0;
/** A device of 20 MiB, which no header of 16 MiB fills. */
function device(): string {
  const path = join(root, `device-${++count}`);
  writeFileSync(path, "");
  truncateSync(path, 20 * 1024 * 1024);
  return path;
}

async function volume(key: Secret): Promise<string> {
  const path = device();
  await luks.format(path, key);
  return path;
}

function overwrite(path: string, offset: number, bytes: Uint8Array): void {
  const fd = openSync(path, "r+");
  writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
}

test("a blank device becomes a volume that its key opens, and no other", async () => {
  const key = randomKey();
  const path = device();
  assert.deepEqual(await luks.contents(path), { kind: "blank" });
  await luks.format(path, key);
  assert.deepEqual(await luks.contents(path), { kind: "signature", type: "crypto_LUKS" });
  assert.match(await luks.uuid(path), /^[0-9a-f-]{36}$/);
  assert.deepEqual(await luks.slots(path), [{ number: 0, kdf: "pbkdf2" }]);
  assert.equal(await luks.fits(path, key), 0);
  assert.equal(await luks.fits(path, randomKey()), null);
  const newline = Secret.take(Buffer.concat([key.reveal(), Buffer.from("\n")]));
  assert.equal(await luks.fits(path, newline), null);
});

test("what is not blank is not formatted, whatever it holds", async () => {
  const key = randomKey();
  const there = await volume(key);
  await assert.rejects(luks.format(there, randomKey()), code("conflict", /holds crypto_LUKS/));
  assert.equal(await luks.fits(there, key), 0);

  const ext4 = device();
  await runProgram({ argv: ["mkfs.ext4", "-q", ext4], limit: 30_000 as Program["limit"] });
  await assert.rejects(luks.format(ext4, key), code("conflict", /holds ext4/));

  for (const offset of [5000, 20 * 1024 * 1024 - 1]) {
    const raw = device();
    overwrite(raw, offset, Buffer.of(1));
    assert.deepEqual(await luks.contents(raw), { kind: "data" });
    await assert.rejects(luks.format(raw, key), code("conflict", /data of no kind that is known/));
  }

  const partitioned = device();
  overwrite(partitioned, 446, Buffer.from("00002100837f280a0008000000900000", "hex"));
  overwrite(partitioned, 510, Buffer.of(0x55, 0xaa));
  await assert.rejects(luks.format(partitioned, key), code("conflict", /holds dos/));
});

test("what cannot be read is not taken for blank", async () => {
  await assert.rejects(luks.contents(join(root, "nowhere")), code("not-found"));
  await assert.rejects(luks.contents(root), code("local"));
  await assert.rejects(luks.contents("/dev/null"), code("local", /neither a block device nor a file/));
  const broken = createLuks(async () => ({ end: { kind: "exited", status: 4 }, output: new Uint8Array() }));
  await assert.rejects(broken.contents(device()), code("local", /cannot say what is on it/));
});

test("a key that chance did not make in full is refused, before anything is written", async () => {
  const path = device();
  await assert.rejects(luks.format(path, Secret.fromText("correct horse")), code("usage"));
  assert.deepEqual(await luks.contents(path), { kind: "blank" });
  const there = await volume(randomKey());
  await assert.rejects(luks.open(there, "data", Secret.fromText("")), code("usage", /empty/));
});

test("the second key of a rotation gets a slot, once, and the first one goes", async () => {
  const [old, next] = [randomKey(), randomKey(32)];
  const path = await volume(old);
  await assert.rejects(luks.addKey(path, randomKey(), next), code("wrong-key"));
  assert.equal(await luks.addKey(path, old, next), 1);
  assert.equal(await luks.addKey(path, old, next), 1);
  assert.equal(await luks.fits(path, next, 1), 1);
  assert.equal(await luks.fits(path, next, 0), null);
  assert.equal(await luks.fits(path, old), 0);
  await luks.killSlot(path, 0, next);
  await luks.killSlot(path, 0, next);
  assert.equal(await luks.fits(path, old), null);
  assert.deepEqual(
    (await luks.slots(path)).map(({ number }) => number),
    [1],
  );
});

test("however often it is rotated, the header has room to say whose a slot is", async () => {
  let key = randomKey();
  const path = await volume(key);
  for (let version = 2; version < 36; version++) {
    const next = randomKey();
    const slot = await luks.addKey(path, key, next);
    await luks.mark(path, { slot, key: "disk/db1" as KeyName, version });
    await luks.killSlot(path, slot === 0 ? 1 : 0, next);
    key = next;
  }
  assert.deepEqual(
    (await luks.tokens(path)).map(({ version }) => version),
    [35],
  );
});

test("a slot stays while no other is known to open", async () => {
  const [key, other] = [randomKey(), randomKey()];
  const path = await volume(key);
  await assert.rejects(luks.killSlot(path, 0, key), code("conflict"));
  await luks.addKey(path, key, other);
  await assert.rejects(luks.killSlot(path, 0, key), code("conflict"));
  await assert.rejects(luks.killSlot(path, 0, randomKey()), code("conflict"));
  assert.equal((await luks.slots(path)).length, 2);
});

test("when every slot is in use, no key is added, and that is said", async () => {
  const key = randomKey();
  const path = await volume(key);
  for (let slot = 1; slot < 32; slot++) assert.equal(await luks.addKey(path, key, randomKey()), slot);
  await assert.rejects(luks.addKey(path, key, randomKey()), code("conflict", /all 32 key slots/));
});

test("a header backup brings the volume back, with the slots it had", async () => {
  const [old, next] = [randomKey(), randomKey()];
  const path = await volume(old);
  const file = join(root, "header");
  await luks.backUp(path, file);
  assert.equal(statSync(file).mode & 0o777, 0o400);
  await assert.rejects(luks.backUp(path, file), code("conflict"));
  await luks.addKey(path, old, next);
  await luks.killSlot(path, 0, next);

  overwrite(path, 0, Buffer.alloc(32_768));
  await assert.rejects(luks.fits(path, next), code("integrity", /no LUKS2 header that is whole/));
  await assert.rejects(luks.uuid(path), code("integrity"));
  await luks.restore(path, file);
  assert.equal(await luks.fits(path, old), 0);
  assert.equal(await luks.fits(path, next), null);

  const nonsense = join(root, "nonsense");
  writeFileSync(nonsense, "no header");
  await assert.rejects(luks.restore(path, nonsense), code("malformed"));
  assert.equal(await luks.fits(path, old), 0);
});

test("of two copies of the header one may be damaged", async () => {
  const key = randomKey();
  const path = await volume(key);
  overwrite(path, 0, Buffer.alloc(4096));
  assert.equal(await luks.fits(path, key), 0);
});

test("a damaged key slot is told from a wrong key by no status, and the error says so", async () => {
  const key = randomKey();
  const path = await volume(key);
  overwrite(path, 32_768, systemRandom(258_048));
  assert.equal(await luks.fits(path, key), null);
  await assert.rejects(luks.addKey(path, key, randomKey()), (error) => {
    assert.ok(isKeywardError(error, "wrong-key"));
    assert.match(error.hint ?? "", /a damaged key slot looks the same/);
    return true;
  });
});

test("a device that is none, and one that was cut off, are told", async () => {
  const key = randomKey();
  await assert.rejects(luks.fits(join(root, "nowhere"), key), code("not-found"));
  await assert.rejects(luks.fits(device(), key), code("integrity"));
  const cut = await volume(key);
  truncateSync(cut, 4096);
  await assert.rejects(luks.fits(cut, key), (error) => isKeywardError(error));
});

test("a reencryption that was broken off: it opens, takes no change and says so, until it is finished", async () => {
  const [key, next] = [randomKey(), randomKey()];
  const path = await volume(key);
  await luks.mark(path, { slot: 0, key: "disk/db1", version: 1 });
  const keyFile = join(root, "reencrypting.key");
  writeFileSync(keyFile, key.reveal());
  const reencrypt = async (...words: string[]) => {
    const how = ["--batch-mode", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", `--key-file=${keyFile}`];
    const argv = ["cryptsetup", "reencrypt", ...how, ...words, path];
    const { end } = await runProgram({ argv, limit: 120_000 as Program["limit"] });
    assert.deepEqual(end, { kind: "exited", status: 0 });
  };
  assert.equal(await luks.isReencrypting(path), false);
  await reencrypt("--init-only", "--force-offline-reencrypt");
  assert.equal(await luks.isReencrypting(path), true);
  assert.equal(await luks.fits(path, key), 0);
  await luks.mark(path, { slot: 0, key: "disk/db1", version: 2 });
  const unfinished = code("conflict", /reencryption is not finished/);
  await assert.rejects(luks.addKey(path, key, next), unfinished);
  await assert.rejects(luks.intend(path, { generation: 1, key: "2135413b0e9f8a31" }), unfinished);

  await reencrypt("--resume-only", "--force-offline-reencrypt");
  assert.equal(await luks.isReencrypting(path), false);
  const slot = (await luks.fits(path, key)) ?? assert.fail();
  await luks.mark(path, { slot, key: "disk/db1", version: 1 });
  assert.deepEqual(
    (await luks.tokens(path)).map(({ slot: of, version }) => [of, version]),
    [[slot, 1]],
  );
  const added = await luks.addKey(path, key, next);
  await luks.killSlot(path, slot, next);
  assert.equal(await luks.fits(path, next), added);
});

test("a key goes to standard input alone, and what held it is wiped", async () => {
  const programs: Program[] = [];
  const copies: string[] = [];
  const watched: RunProgram = async (program) => {
    programs.push(program);
    if (program.input !== undefined) copies.push(Buffer.from(program.input).toString("hex"));
    return await runProgram(program);
  };
  const key = randomKey();
  const path = device();
  const watchedLuks = createLuks(watched);
  await watchedLuks.format(path, key);
  await watchedLuks.fits(path, key);
  const hex = Buffer.from(key.reveal()).toString("hex");
  assert.deepEqual([...new Set(copies)], [hex]);
  for (const { argv, environment, input } of programs) {
    assert.doesNotMatch(JSON.stringify([argv, environment]), new RegExp(hex));
    assert.ok(input === undefined || input.every((byte) => byte === 0));
  }
});

test("a path or a name that cryptsetup could take otherwise never reaches it", async () => {
  const never = createLuks(async () => assert.fail("it was started"));
  for (const path of ["--help", "disk.img", "../disk", "/dev/\0x"])
    await assert.rejects(never.uuid(path), code("usage"));
  for (const name of ["", "--deferred", "a/b", ".hidden", "a b", "x".repeat(128)])
    await assert.rejects(never.close(name), code("usage"));
});

test("without cryptsetup the error says what to install; one that hangs ends in time", async () => {
  const missing = createLuks(async () => ({
    end: { kind: "not-started", code: "ENOENT" },
    output: new Uint8Array(),
  }));
  await assert.rejects(missing.uuid("/dev/vda"), (error) => {
    assert.ok(isKeywardError(error, "local"));
    assert.match(error.hint ?? "", /cryptsetup-bin/);
    return true;
  });
  const hanging = createLuks(async ({ limit }) => ({
    end: { kind: "timeout", limit },
    output: new Uint8Array(),
  }));
  await assert.rejects(hanging.uuid("/dev/vda"), code("timeout"));
  const killed = createLuks(async () => ({
    end: { kind: "killed", signal: "SIGKILL" },
    output: new Uint8Array(),
  }));
  await assert.rejects(killed.uuid("/dev/vda"), code("local", /killed by SIGKILL/));
});

test("nothing of a key is in the volume's header", async () => {
  const key = randomKey();
  const path = await volume(key);
  assert.equal(readFileSync(path).includes(Buffer.from(key.reveal())), false);
});

test("a kernel without device-mapper is named, and not the volume's name that cryptsetup blames then", async () => {
  // cryptsetup 2.6.1, `open` in a machine of that kind
  const output = Buffer.from(
    "Cannot initialize device-mapper. Is dm_mod kernel module loaded?\n" +
      "Cannot use device data, name is invalid or still in use.\n",
  );
  const without = createLuks(async (program) =>
    program.argv.includes("open")
      ? { end: { kind: "exited", status: 1 }, output }
      : await runProgram(program),
  );
  const [path, key] = [device(), randomKey()];
  await luks.format(path, key);
  await assert.rejects(without.open(path, "data", key), code("local", /initialize device-mapper/));
});
