import assert from "node:assert/strict";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { linesOf, readBytes, readPem, readPrivate, withoutLineBreak } from "./read-file.ts";
import { createNewFile, dropLeftovers, replace, writeNew } from "./write-file.ts";

const temporary = (): string => mkdtempSync(path.join(tmpdir(), "keyward-files-"));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a file is read whole up to its limit, and refused beyond", () => {
  const file = path.join(temporary(), "f");
  writeFileSync(file, "12345");
  assert.equal(Buffer.from(readBytes(file, "value", 5)).toString(), "12345");
  assert.throws(
    () => readBytes(file, "value", 4),
    (error) => isKeywardError(error, "too-large"),
  );
  assert.throws(() => readBytes(`${file}x`, "value", 4), /cannot read value ".*": no such file/);
  assert.throws(() => readBytes(path.dirname(file), "value", 4), /is a directory/);
});

test("one line break is taken off, and only one", () => {
  const cut = (text: string): string => Buffer.from(withoutLineBreak(bytes(text))).toString();
  assert.deepEqual(["a\n", "a\r\n", "a\n\n", "a", "\n", ""].map(cut), ["a", "a", "a\n", "a", "", ""]);
});

test("a private file that everybody may read is refused with what to type", () => {
  const file = path.join(temporary(), "t");
  writeFileSync(file, "secret\n", { mode: 0o600 });
  assert.equal(Buffer.from(readPrivate(file, "token file").reveal()).toString(), "secret");
  chmodSync(file, 0o604);
  assert.throws(
    () => readPrivate(file, "token file"),
    (error) => isKeywardError(error, "local") && error.hint === `chmod 600 ${file}`,
  );
});

test("PEM blocks are taken out one by one", () => {
  const file = path.join(temporary(), "c.pem");
  const block = (text: string): string => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
  writeFileSync(file, `subject=x\n${block("AAAA")}between\n${block("BBBB")}`);
  assert.deepEqual(readPem(file), [block("AAAA"), block("BBBB")]);
  writeFileSync(file, "nothing");
  assert.throws(
    () => readPem(file),
    (error) => isKeywardError(error, "malformed"),
  );
});

test("lines are read without their ends", async () => {
  const file = path.join(temporary(), "l");
  writeFileSync(file, "one\ntwo\n");
  const lines: string[] = [];
  for await (const line of linesOf(file, "file")) lines.push(line);
  assert.deepEqual(lines, ["one", "two"]);
});

test("a new file is private, whole, and never over another", () => {
  const directory = temporary();
  const file = path.join(directory, "f");
  writeNew(file, "file", bytes("one"));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.throws(
    () => writeNew(file, "file", bytes("two")),
    (error) => isKeywardError(error, "conflict"),
  );
  assert.equal(readFileSync(file, "utf8"), "one");
  assert.deepEqual(readdirSync(directory), ["f"]);
});

test("replacing a link replaces the link, not what it leads to", () => {
  const directory = temporary();
  writeFileSync(path.join(directory, "target"), "kept");
  symlinkSync("target", path.join(directory, "link"));
  replace(path.join(directory, "link"), "file", bytes("new"));
  assert.equal(readFileSync(path.join(directory, "target"), "utf8"), "kept");
  assert.equal(readFileSync(path.join(directory, "link"), "utf8"), "new");
});

test("a file written bit by bit has its name only when it is whole", () => {
  const directory = temporary();
  const file = path.join(directory, "f");
  const dropped = createNewFile(file, "file");
  dropped.write("one\n");
  dropped.drop();
  assert.deepEqual(readdirSync(directory), []);
  const kept = createNewFile(file, "file");
  kept.write("one\n");
  kept.write("two\n");
  kept.keep();
  assert.equal(readFileSync(file, "utf8"), "one\ntwo\n");
  assert.deepEqual(readdirSync(directory), ["f"]);
});

test("what a killed program left half-written of a file goes, and nothing else", () => {
  const directory = temporary();
  const id = "0f0540ba-4519-4b23-9bb7-e1cfda4787ab";
  const kept = [`.f.${id}.old`, ".f.next", `.f.next.${id}`, ".f.nexts", "f", "f.next"];
  for (const name of [...kept, `.f.${id}`]) writeFileSync(path.join(directory, name), "half");
  dropLeftovers(path.join(directory, "f"));
  assert.deepEqual(readdirSync(directory).sort(), kept);
});
