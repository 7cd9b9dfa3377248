import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createDecipheriv } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLuks } from "../adapters/luks/luks.ts";
import { runProgram } from "../adapters/process.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import { openHeader } from "../formats/header-backup/header-backup.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { type ReencryptParts, reencryptVolume } from "./reencrypt.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-reencrypt-"));
after(() => rmSync(root, { recursive: true }));
const luks = createLuks();
const name = "disk/db1" as KeyName;
const DATA = 16 * 1024 * 1024;
const SECTOR = 4096;
const at = [0, 1, 2500, 6143].map((sector) => sector * SECTOR);

async function bench(where: string) {
  const directory = mkdtempSync(join(root, `${where}-`));
  const device = join(directory, "device");
  const bytes = systemRandom(32);
  writeFileSync(join(directory, "key"), bytes);
  writeFileSync(device, "");
  truncateSync(device, DATA + 24 * 1024 * 1024);
  const key = { version: 1 as VersionNumber, value: Secret.copy(bytes) };
  await luks.format(device, key.value);
  await luks.mark(device, { slot: 0, key: name, version: 1 });
  const recovery = Secret.take(systemRandom(32));
  await luks.addKey(device, key.value, recovery);
  await luks.mark(device, { slot: 1, key: "recovery", version: 1 });
  const fd = openSync(device, "r+");
  for (const offset of at) writeSync(fd, systemRandom(SECTOR), 0, SECTOR, DATA + offset);
  closeSync(fd);
  return { directory, device, key, recovery };
}

type Bench = Awaited<ReturnType<typeof bench>>;

/** What an open volume would show, by the volume key in its header: aes-xts-plain64, sectors of 4,096 bytes. */
function plain({ device, directory }: Bench): string[] {
  const words = ["luksDump", "--batch-mode", "--dump-volume-key", `--key-file=${join(directory, "key")}`];
  const { stdout, status, stderr } = spawnSync("cryptsetup", [...words, device], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const dump = stdout.slice(stdout.indexOf("MK dump:") + 8).replaceAll(/\s/g, "");
  const volumeKey = Buffer.from(dump, "hex");
  assert.equal(volumeKey.length, 64, stdout.replaceAll(/[0-9a-f]{2} /g, ""));
  const fd = openSync(device, "r");
  const found = at.map((offset) => {
    const sector = Buffer.alloc(SECTOR);
    readSync(fd, sector, 0, SECTOR, DATA + offset);
    const tweak = Buffer.alloc(16);
    tweak.writeBigUInt64LE(BigInt(offset / 512));
    const cipher = createDecipheriv("aes-256-xts", volumeKey, tweak);
    return Buffer.concat([cipher.update(sector), cipher.final()]).toString("base64");
  });
  closeSync(fd);
  return found;
}

function startIn({ device, directory }: Bench) {
  const script = join(import.meta.dirname, "../../test/disk/reencrypting.ts");
  const child = spawn(process.execPath, [script, device, directory], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  child.stderr.on("data", (chunk) => (said += chunk));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, ended, said: () => said };
}

/** It, and the cryptsetup that it started: as a power cut ends both. */
async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGSTOP");
  const own = readdirSync("/proc").filter((pid) => /^[0-9]+$/.test(pid) && parentOf(pid) === child.pid);
  for (const pid of own) process.kill(Number(pid), "SIGKILL");
  child.kill("SIGKILL");
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null;
  }
}

async function underWay(device: string): Promise<boolean> {
  return await luks.volumeKey(device).then(
    (state) => state.underWay,
    // Its header is being written.
    () => false,
  );
}

async function assertDone(
  one: Bench,
  before: readonly string[],
  digest: string,
  where: string,
): Promise<void> {
  const { device, directory, key, recovery } = one;
  const state = await luks.volumeKey(device);
  assert.equal(state.underWay, false, where);
  assert.notEqual(state.digest, digest, `${where}: another volume key`);
  assert.deepEqual(plain(one), before, `${where}: the data is what it was`);
  assert.equal(await luks.fits(device, recovery), null, `${where}: the other slots are gone`);
  const slots = await luks.slots(device);
  assert.equal(slots.length, 1, where);
  const tokens = (await luks.tokens(device)).map(({ slot, key: of, version }) => [slot, of, version]);
  assert.deepEqual(tokens, [[slots[0]?.number, name, 1]], where);
  const kept = readdirSync(join(directory, "headers"));
  assert.equal(kept.length, 1, where);
  using header = openHeader(readFileSync(join(directory, "headers", kept[0] ?? "")), key.value).header;
  assert.ok(Buffer.from(header.reveal()).includes(state.digest), `${where}: the copy is of the new header`);
}

test("killed while it changes a volume's key, it goes on; the data stays, and an old header opens nothing new", async () => {
  const pristine = await bench("pristine");
  const before = plain(pristine);
  const { digest } = await luks.volumeKey(pristine.device);
  let cut = 0;
  for (const pause of [0, 120]) {
    const where = `after ${pause} ms`;
    const directory = mkdtempSync(join(root, "cut-"));
    const one = { ...pristine, directory, device: join(directory, "device") };
    copyFileSync(pristine.device, one.device);
    copyFileSync(join(pristine.directory, "key"), join(directory, "key"));
    const first = startIn(one);
    let over = false;
    void first.ended.then(() => (over = true));
    while (!over && !(await underWay(one.device))) await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise((resolve) => setTimeout(resolve, pause));
    await kill(first.child);
    await first.ended;
    assert.notEqual(await luks.fits(one.device, one.key.value), null, `${where}: the key opens it`);
    const isCut = await underWay(one.device);
    if (isCut) cut++;
    const again = startIn(one);
    assert.equal(await again.ended, 0, `${where}: ${again.said()}`);
    assert.equal(JSON.parse(again.said()).resumed, isCut, where);
    await assertDone(one, before, digest, where);
    rmSync(directory, { recursive: true });
  }
  assert.ok(cut > 0, "none was cut off on the way");
});

const partsOf = (more: Partial<ReencryptParts> = {}): ReencryptParts => ({
  ...{ luks, random: systemRandom, says: () => {}, keepHeader: () => {} },
  until: new AbortController().signal,
  ...more,
});

test("without room for it, with a cryptsetup that cannot, or a key that does not open it, nothing is changed", async () => {
  const one = await bench("refused");
  const { digest } = await luks.volumeKey(one.device);
  const other = { version: 2 as VersionNumber, value: Secret.take(systemRandom(32)) };
  const old = createLuks(async (program) =>
    program.argv.includes("--version")
      ? {
          end: { kind: "exited", status: 0 },
          output: Buffer.alloc(0),
          stdout: Buffer.from("cryptsetup 2.3.7\n"),
        }
      : runProgram(program),
  );
  const change = (parts: ReencryptParts, key = one.key) =>
    reencryptVolume(parts, one.device, undefined, name, key);
  await assert.rejects(change(partsOf(), other), (error) => isKeywardError(error, "wrong-key"));
  await assert.rejects(change(partsOf({ luks: old })), /cryptsetup 2.3: does not change a volume's key/);
  while ((await luks.slots(one.device)).length < 31)
    await luks.addKey(one.device, one.key.value, Secret.take(systemRandom(32)));
  await assert.rejects(
    change(partsOf()),
    (error) => isKeywardError(error, "conflict") && /31 key slots are in use/.test(error.message),
  );
  assert.deepEqual(await luks.volumeKey(one.device), { underWay: false, digest });
});

test("broken off by a person it says so, nothing is said of its slots meanwhile, and it goes on", async () => {
  const one = await bench("broken-off");
  const before = plain(one);
  const { digest } = await luks.volumeKey(one.device);
  const slow = startIn(one);
  let over = false;
  void slow.ended.then(() => (over = true));
  while (!over && !(await underWay(one.device))) await new Promise((resolve) => setTimeout(resolve, 2));
  await kill(slow.child);
  await slow.ended;
  // On a machine with much other work it may be through before it is looked at.
  if (!(await underWay(one.device))) return await assertDone(one, before, digest, "at once");
  const pieces = createLuks((program) =>
    runProgram(
      program.argv.includes("reencrypt")
        ? { ...program, argv: [...program.argv, "--hotzone-size=262144"] }
        : program,
    ),
  );
  const end = await reencryptVolume(
    partsOf({ luks: pieces, until: AbortSignal.abort() }),
    one.device,
    undefined,
    name,
    one.key,
  ).catch((error: unknown) => error);
  // What comes before it listens may be lost, and a small volume is through before it is asked again.
  if (!(end instanceof Error)) return assert.equal(await underWay(one.device), false);
  assert.ok(isKeywardError(end, "local") && /broken off/.test(end.message), String(end));
  const added = Secret.take(systemRandom(32));
  await assert.rejects(luks.addKey(one.device, one.key.value, added), (error) =>
    isKeywardError(error, "conflict"),
  );
  await luks.mark(one.device, { slot: 0, key: name, version: 7 });
  const headers = join(one.directory, "headers");
  const keepHeader: ReencryptParts["keepHeader"] = (uuid, version, sealed) =>
    writeFileSync(join(headers, `${uuid}-${version}`), sealed);
  const done = await reencryptVolume(partsOf({ keepHeader }), one.device, undefined, name, one.key);
  assert.equal(done.resumed, true);
  await assertDone(one, before, digest, "in the end");
});
