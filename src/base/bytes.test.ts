import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  concat,
  fields,
  fromBase64,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from "./bytes.ts";
import { isKeywardError } from "./errors.ts";

const malformed = (error: unknown): boolean => isKeywardError(error, "malformed");

test("what an encoder writes, its decoder reads", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.deepEqual(fromHex(toHex(bytes), "x"), bytes);
      assert.deepEqual(fromBase64(toBase64(bytes), "x"), bytes);
      assert.deepEqual(fromBase64Url(toBase64Url(bytes), "x"), bytes);
    }),
  );
});

test("decoders refuse what the encoder would not have written", () => {
  for (const text of ["AA", "AB==", "AA==\n", "A-A=", " AA=="])
    assert.throws(() => fromBase64(text, "x"), malformed);
  for (const text of ["AA==", "A", "A/A"]) assert.throws(() => fromBase64Url(text, "x"), malformed);
  for (const text of ["A0", "a", "zz"]) assert.throws(() => fromHex(text, "x"), malformed);
  assert.throws(() => fromUtf8(Uint8Array.of(0xc0, 0x80), "x"), malformed);
});

test("a byte order mark is kept", () => {
  assert.equal(fromUtf8(utf8("\ufeffa"), "x"), "\ufeffa");
});

test("no two lists of fields give the same bytes", () => {
  const list = fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 4 });
  fc.assert(
    fc.property(list, list, (a, b) => {
      const same = a.length === b.length && a.every((part, i) => toHex(part) === toHex(b[i] ?? utf8("")));
      assert.equal(toHex(fields(...a)) === toHex(fields(...b)), same);
    }),
  );
});

test("concat copies", () => {
  const a = Uint8Array.of(1);
  const whole = concat(a, Uint8Array.of(2, 3));
  a[0] = 9;
  assert.deepEqual(whole, Uint8Array.of(1, 2, 3));
});
