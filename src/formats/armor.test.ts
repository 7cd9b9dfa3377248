import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, toBase64, toHex, utf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { systemRandom } from "../crypto/random.ts";
import { decodeBase64, decodePem, encodeBase64, encodeHex, encodePem } from "./armor.ts";

const text = (bytes: Uint8Array): string => fromUtf8(bytes, "test");
const malformed = (error: unknown): boolean => isKeywardError(error, "malformed");

test("hexadecimal and base64 are the runtime's, at every length", () => {
  for (let length = 0; length < 100; length++) {
    const bytes = systemRandom(length);
    assert.equal(text(encodeHex(bytes)), toHex(bytes));
    assert.equal(text(encodeBase64(bytes)), toBase64(bytes));
    assert.deepEqual(decodeBase64(encodeBase64(bytes), "test"), bytes);
  }
});

test("base64 that no encoder writes is refused", () => {
  for (const bad of [
    "A",
    "AA",
    "AAA",
    "AA=A",
    "A===",
    "====",
    "AB==",
    "AAB=",
    "AA==AAAA",
    "AA-_",
    "AAAA\n",
    "AAA A",
  ]) {
    assert.throws(() => decodeBase64(utf8(bad), "test"), malformed, bad);
  }
});

test("PEM has lines of the same length, and is read back at every length", () => {
  assert.equal(
    text(encodePem("X KEY", utf8("abcdefghijkl"), 8)),
    "-----BEGIN X KEY-----\nYWJjZGVm\nZ2hpamts\n-----END X KEY-----\n",
  );
  for (let length = 0; length < 200; length++) {
    const bytes = systemRandom(length);
    assert.deepEqual(decodePem("X", encodePem("X", bytes, 64), 64, "test"), bytes, `${length} bytes`);
  }
});

test("PEM that is not exactly as it is written is refused", () => {
  const good = text(encodePem("X", systemRandom(60), 64));
  const [begin = "", first = "", second = "", end = ""] = good.split("\n");
  for (const bad of [
    "",
    good.slice(0, -1),
    `${good}\n`,
    ` ${good}`,
    good.replaceAll("\n", "\r\n"),
    good.replaceAll("X", "Y"),
    [begin, first + second, end, ""].join("\n"),
    [begin, first, "", second, end, ""].join("\n"),
    [begin, first, second, "", end, ""].join("\n"),
    [begin, first.slice(1), first.slice(0, 1) + second, end, ""].join("\n"),
    [begin, end].join("\n"),
    `${begin}${end}\n`,
  ]) {
    assert.throws(() => decodePem("X", utf8(bad), 64, "test"), malformed, JSON.stringify(bad));
  }
});

test("what is encoded lies in memory of its own", () => {
  for (const bytes of [
    encodeHex(systemRandom(9)),
    encodeBase64(systemRandom(9)),
    encodePem("X", systemRandom(9), 64),
  ]) {
    assert.equal(bytes.byteLength, bytes.buffer.byteLength);
  }
});
