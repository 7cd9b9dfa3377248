import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Secret } from "../../base/secret.ts";
import { sha256 } from "../../crypto/hash.ts";
import { systemRandom } from "../../crypto/random.ts";
import { decodeDiskHeader, readDiskHeader } from "./disk-header.ts";
import { readSlots } from "./header.ts";
import { createLuks } from "./luks.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-disk-header-"));
after(() => rmSync(root, { recursive: true }));
const luks = createLuks();
const key = Secret.take(systemRandom(64));

let count = 0;
async function volume(...options: string[]): Promise<string> {
  const path = join(root, `device-${++count}`);
  writeFileSync(path, "");
  truncateSync(path, 40 * 1024 * 1024);
  const cheap = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
  const words = ["luksFormat", "-q", "--type", "luks2", ...cheap, ...options, "--key-file=-", path];
  execFileSync("cryptsetup", words, { input: key.reveal() });
  return path;
}

const said = (words: readonly string[]): string => execFileSync("cryptsetup", words).toString().trim();

for (const [shows, options] of [
  ["as cryptsetup makes it", []],
  [
    "with a label, a subsystem and a large JSON area",
    ["--label=x", "--subsystem=mine", "--luks2-metadata-size=512k"],
  ],
  ["of the largest size", ["--luks2-metadata-size=4m", "--luks2-keyslots-size=16m"]],
] as const)
  test(`a header ${shows} reads as cryptsetup reads it, also after tokens and slots have come and gone`, async () => {
    const path = await volume(...options);
    const agrees = async (): Promise<void> => {
      const header = await readDiskHeader(path);
      assert.ok(header !== null);
      assert.equal(header.uuid, said(["luksUUID", path]));
      assert.equal(header.subsystem, shows.includes("a subsystem") ? "mine" : "");
      const dumped = said(["luksDump", "--dump-json-metadata", path]);
      assert.deepEqual(JSON.parse(header.metadata), JSON.parse(dumped));
    };
    await agrees();
    const next = Secret.take(systemRandom(32));
    const slot = await luks.addKey(path, key, next);
    await agrees();
    await luks.mark(path, { slot, key: "disk/db1", version: 2 });
    await agrees();
    await luks.killSlot(path, 0, next);
    await agrees();
    assert.deepEqual(readSlots((await readDiskHeader(path))?.metadata ?? ""), [{ number: 1, kdf: "pbkdf2" }]);
  });

test("one copy damaged, or older than the other, is left to cryptsetup, which mends it", async () => {
  const path = await volume();
  const whole = readFileSync(path);
  for (const at of [0, 300, 16_384, 16_384 + 5000]) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    assert.equal(await readDiskHeader(path), null, `byte ${at}`);
    assert.equal(await luks.fits(path, key), 0, `byte ${at}`);
    assert.notEqual(await readDiskHeader(path), null, `byte ${at}, mended`);
  }
  writeFileSync(path, whole);
  await luks.mark(path, { slot: 0, key: "disk/db1", version: 1 });
  const torn = readFileSync(path);
  whole.copy(torn, 0, 0, 16_384);
  writeFileSync(path, torn);
  assert.equal(await readDiskHeader(path), null);
  assert.equal((await luks.tokens(path)).length, 1);
});

test("what is no LUKS2 header is none", async () => {
  const empty = join(root, "empty");
  writeFileSync(empty, "");
  const noise = join(root, "noise");
  writeFileSync(noise, systemRandom(65_536));
  const pipe = join(root, "pipe");
  execFileSync("mkfifo", [pipe]);
  for (const path of [empty, noise, pipe, root, "/dev/null", "/dev/zero", join(root, "nowhere")])
    assert.equal(await readDiskHeader(path), null, path);
  const first = await volume("--type", "luks1");
  assert.equal(await readDiskHeader(first), null);
});

test("every truncation is refused, and every changed bit of what cryptsetup sums up", async () => {
  const whole = readFileSync(await volume()).subarray(0, 32_768);
  for (const length of [0, 1, 15, 4095, 4096, 16_383, 16_384, 20_480, 32_767])
    assert.throws(
      () => decodeDiskHeader(whole.subarray(0, length)),
      { code: "malformed" },
      `${length} bytes`,
    );
  for (let bit = 0; bit < 512 * 8; bit++) {
    const changed = Buffer.from(whole);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const isUnused = bit >> 3 >= 480;
    if (isUnused) assert.doesNotThrow(() => decodeDiskHeader(changed));
    else assert.throws(() => decodeDiskHeader(changed), { code: "malformed" }, `bit ${bit}`);
  }
  for (let at = 512; at < whole.length; at += 97) {
    if (at >= 16_384 + 448 && at < 16_384 + 512) continue;
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => decodeDiskHeader(changed), { code: "malformed" }, `byte ${at}`);
  }
});

test("fields that no volume has are refused, also under a right checksum", async () => {
  const whole = readFileSync(await volume()).subarray(0, 32_768);
  const changes: [string, (copy: Buffer) => void][] = [
    ["size", (copy) => void copy.writeBigUInt64BE(2n ** 63n, 8)],
    ["size", (copy) => void copy.writeBigUInt64BE(16_385n, 8)],
    ["version", (copy) => void copy.writeUInt16BE(1, 6)],
    ["offset", (copy) => void copy.writeBigUInt64BE(512n, 256)],
    ["UUID", (copy) => void copy.write("../../etc/passwd", 168)],
    ["subsystem", (copy) => void copy.write("\u00ff", 208, "latin1")],
    ["algorithm", (copy) => void copy.write("sha1\0\0", 72)],
    ["JSON", (copy) => void copy.fill(0x20, 4096)],
    ["JSON", (copy) => void copy.fill(0xff, 4096, 4100)],
  ];
  for (const [shows, change] of changes) {
    const changed = Buffer.from(whole);
    for (const offset of [0, 16_384]) {
      const copy = changed.subarray(offset, offset + 16_384);
      change(copy);
      copy.fill(0, 448, 512);
      copy.set(sha256(copy), 448);
    }
    assert.throws(() => decodeDiskHeader(changed), { code: "malformed" }, shows);
  }
});
