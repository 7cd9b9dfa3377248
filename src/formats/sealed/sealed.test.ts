import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fields, fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { OVERHEAD, open, seal } from "./sealed.ts";

interface Vector {
  readonly shows: string;
  readonly key: string;
  readonly nonce: string;
  readonly associated: readonly string[];
  readonly secret: string;
  readonly box: string;
}

const { vectors } = JSON.parse(
  readFileSync(new URL("../../../test/vectors/sealed/sealed-v1.json", import.meta.url), "utf8"),
) as { vectors: readonly Vector[] };

const key = new Uint8Array(32).fill(7);
const nonce = new Uint8Array(12).fill(9);
const place = fields("keyward/v1", "db/orders/password", "3");
const box = seal(key, nonce, place, utf8("correct horse"));

test("what was sealed opens", () => {
  assert.deepEqual(open(key, place, box, "box").reveal(), utf8("correct horse"));
  assert.equal(box.byteLength, "correct horse".length + OVERHEAD);
});

for (const vector of vectors) {
  test(`vector: ${vector.shows}`, () => {
    const associated = fields(...vector.associated);
    const sealed = seal(
      fromHex(vector.key, "key"),
      fromHex(vector.nonce, "nonce"),
      associated,
      fromHex(vector.secret, "secret"),
    );
    assert.equal(toHex(sealed), vector.box);
    const opened = open(fromHex(vector.key, "key"), associated, fromHex(vector.box, "box"), "box");
    assert.equal(toHex(opened.reveal()), vector.secret);
  });
}

test("every truncation is refused", () => {
  for (let length = 0; length < box.byteLength; length++) {
    assert.throws(() => open(key, place, box.subarray(0, length), "box"), refused, `${length} bytes`);
  }
});

test("a trailing byte is refused", () => {
  assert.throws(() => open(key, place, Uint8Array.from([...box, 0]), "box"), refused);
});

test("every changed bit is refused", () => {
  for (let at = 0; at < box.byteLength * 8; at++) {
    const changed = Uint8Array.from(box);
    changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
    assert.throws(() => open(key, place, changed, "box"), refused, `bit ${at}`);
  }
});

test("a box for another place does not open", () => {
  for (const other of [fields("keyward/v1", "db/orders/password", "4"), fields("keyward/v1"), fields()]) {
    assert.throws(
      () => open(key, other, box, "box"),
      (e) => isKeywardError(e, "integrity"),
    );
  }
});

test("a box under another key does not open", () => {
  assert.throws(
    () => open(new Uint8Array(32).fill(8), place, box, "box"),
    (e) => isKeywardError(e, "integrity"),
  );
});

test("an error names the place and not the value", () => {
  assert.throws(
    () => open(key, fields(), box, "version 3 of db/x"),
    /^KeywardError: version 3 of db\/x: changed/,
  );
});

function refused(error: unknown): boolean {
  return isKeywardError(error, "malformed") || isKeywardError(error, "integrity");
}
