import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";
import { Secret } from "./secret.ts";

test("a secret does not print its bytes, whichever way it is turned into text", () => {
  const secret = Secret.fromText("correct horse");
  const texts = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ a: [secret] }),
    format("%s %o %j", secret, secret, secret),
  ];
  for (const text of texts) {
    assert.match(text, /\[secret, 13 bytes\]/);
    assert.doesNotMatch(text, /horse|99,\s*111/);
  }
});

test("a wiped secret has overwritten its bytes", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const secret = Secret.take(bytes);
  secret.wipe();
  assert.deepEqual(bytes, new Uint8Array(3));
  assert.equal(secret.length, 0);
});

test("take moves bytes out of a shared pool and wipes what it leaves", () => {
  const pooled = Buffer.from("pooled");
  const secret = Secret.take(pooled);
  assert.equal(Buffer.from(secret.reveal()).toString(), "pooled");
  assert.equal(secret.reveal().buffer.byteLength, 6);
  assert.deepEqual([...pooled], [0, 0, 0, 0, 0, 0]);
});

test("copy leaves the original alone", () => {
  const original = Uint8Array.of(7);
  Secret.copy(original).wipe();
  assert.deepEqual(original, Uint8Array.of(7));
});

test("equals compares content", () => {
  assert.ok(Secret.fromText("a").equals(Secret.fromText("a")));
  assert.ok(!Secret.fromText("a").equals(Secret.fromText("b")));
  assert.ok(!Secret.fromText("a").equals(Secret.fromText("ab")));
});

test("`using` wipes at the end of the block", () => {
  const bytes = Uint8Array.of(5);
  {
    using secret = Secret.take(bytes);
    assert.equal(secret.length, 1);
  }
  assert.deepEqual(bytes, Uint8Array.of(0));
});
