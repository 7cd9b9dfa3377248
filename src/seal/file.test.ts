import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fromUtf8, toBase64 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import { assertHardToGuess, deriveFromFile, MAX_KEY_FILE, readKeyFile, stripKeyFile } from "./file.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyward-seal-"));
});
after(() => rm(folder, { recursive: true }));

async function write(name: string, content: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

const text = (secret: Secret) => fromUtf8(secret.reveal(), "test");
const code = (wanted: KeywardError["code"]) => (error: unknown) => isKeywardError(error, wanted);

test("a key file is stripped at both ends of NUL, TAB, LF, VT, FF, CR and space", async () => {
  const path = await write("ends.key", "\0\t\n\v\f\r inner text \r\f\v\n\t\0");
  assert.equal(text(await readKeyFile(path)), "inner text");
});

test("what is inside stays, newlines and NUL too", async () => {
  const path = await write("inner.key", "line one\nline two\0\tthree\r\nfour\n");
  assert.equal(text(await readKeyFile(path)), "line one\nline two\0\tthree\r\nfour");
});

test("no-break space, em space and the byte order mark are not stripped", async () => {
  const path = await write("wide.key", "\ufeff\u00a0key\u2003\n");
  assert.equal(text(await readKeyFile(path)), "\ufeff\u00a0key\u2003");
});

test("bytes that are no text are read as they are", async () => {
  const path = await write("binary.key", Uint8Array.of(0x20, 0xff, 0xfe, 0x00, 0x80, 0x0a));
  assert.deepEqual(Buffer.from((await readKeyFile(path)).reveal()).toString("hex"), "fffe0080");
});

test("a file with nothing in it but blanks is refused", async () => {
  await assert.rejects(readKeyFile(await write("blank.key", " \n\t\0 ")), code("usage"));
  await assert.rejects(readKeyFile(await write("empty.key", "")), code("usage"));
});

test("a file that others may read or change is refused, with what to run", async () => {
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o644]) {
    const path = await write("open.key", "some content", mode);
    await assert.rejects(readKeyFile(path), (error) => {
      assert.ok(error instanceof KeywardError);
      assert.equal(error.code, "local");
      assert.match(error.message, /others may use it \(mode 06[0-9]{2}\)/);
      assert.match(error.hint ?? "", /chmod 600/);
      return true;
    });
  }
});

test("a missing file, a directory and a file that is too large are refused by name", async () => {
  await mkdir(join(folder, "folder"), { mode: 0o700 });
  await assert.rejects(readKeyFile(join(folder, "none.key")), /none\.key": cannot be read \(ENOENT\)/);
  await assert.rejects(readKeyFile(join(folder, "folder")), /is not a file/);
  await assert.rejects(
    readKeyFile(await write("large.key", new Uint8Array(MAX_KEY_FILE + 1))),
    code("too-large"),
  );
  assert.equal(
    (await readKeyFile(await write("full.key", new Uint8Array(MAX_KEY_FILE).fill(65)))).length,
    MAX_KEY_FILE,
  );
});

test("stripping takes the content over and wipes it", () => {
  const content = Secret.fromText("  abc ");
  assert.equal(text(stripKeyFile(content)), "abc");
  assert.equal(content.length, 0);
});

test("what people think up is too easy to guess for a key file", () => {
  const weak = [
    "secret",
    "short but 23 chars long",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "12121212121212121212121212121212121212121212",
    "correct horse battery staple",
    "It was the best of times, it was the worst of times.",
  ];
  for (const content of weak) {
    assert.throws(() => assertHardToGuess(Secret.fromText(content)), code("usage"), content);
  }
});

test("random keys in the usual encodings are hard enough to guess", () => {
  for (let round = 0; round < 200; round++) {
    assertHardToGuess(Secret.fromText(Buffer.from(systemRandom(16)).toString("hex")));
    assertHardToGuess(Secret.fromText(toBase64(systemRandom(32))));
    assertHardToGuess(Secret.take(systemRandom(32)));
  }
  assertHardToGuess(Secret.fromText(toBase64(systemRandom(2048)).replace(/.{64}/g, "$&\n")));
});

test("the key derived from a file depends on the stripped content and the salt", () => {
  const salt = systemRandom(16);
  const derive = (content: string, with_ = salt) => deriveFromFile(Secret.fromText(content), with_, 80);
  assert.ok(derive("a key\n").equals(derive(" a key")));
  assert.equal(derive("a key").equals(derive("a  key")), false);
  assert.equal(derive("a key").equals(derive("a key", systemRandom(16))), false);
});
