import assert from "node:assert/strict";
import { test } from "node:test";
import { fields, utf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import { open } from "../formats/sealed/sealed.ts";
import { MAX_WRAPPED, unwrap, wrap } from "./wrap.ts";

const key = systemRandom(64);
const place = fields("keyward/v1", "data-key", "db/x");
const integrity = (error: unknown) => isKeywardError(error, "integrity");

test("what was wrapped unwraps, at every length up to two blocks and at the longest", () => {
  for (const length of [...Array(65).keys(), MAX_WRAPPED]) {
    const secret = Secret.take(systemRandom(length));
    const box = wrap(key, place, secret, systemRandom);
    assert.ok(unwrap(key, place, box, "box").equals(secret), `${length} bytes`);
  }
});

test("what goes through the cipher is not the secret", () => {
  const secret = Secret.take(systemRandom(32));
  const box = wrap(key, place, secret, systemRandom);
  assert.equal(open(key.subarray(0, 32), place, box, "box").equals(secret), false);
});

test("two wraps of one secret have nothing in common", () => {
  const secret = Secret.fromText("the same secret");
  const nonces: Uint8Array[] = [];
  const random = (length: number) => {
    const nonce = systemRandom(length);
    nonces.push(nonce.slice());
    return nonce;
  };
  assert.notDeepEqual(wrap(key, place, secret, random), wrap(key, place, secret, random));
  assert.notDeepEqual(nonces[0], nonces[1]);
});

test("every truncation and every changed byte is an integrity error", () => {
  const box = wrap(key, place, Secret.fromText("data key"), systemRandom);
  for (let at = 0; at < box.byteLength; at++) {
    const changed = Uint8Array.from(box);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    assert.throws(() => unwrap(key, place, changed, "box"), integrity, `byte ${at}`);
    assert.throws(() => unwrap(key, place, box.subarray(0, at), "box"), integrity, `${at} bytes`);
  }
});

test("a box for another place or under another key does not unwrap", () => {
  const box = wrap(key, place, Secret.fromText("data key"), systemRandom);
  assert.throws(() => unwrap(key, fields("keyward/v1", "data-key", "db/y"), box, "box"), integrity);
  assert.throws(() => unwrap(systemRandom(64), place, box, "box"), integrity);
});

test("more than one mask can cover is refused", () => {
  const secret = Secret.take(new Uint8Array(MAX_WRAPPED + 1));
  assert.throws(
    () => wrap(key, place, secret, systemRandom),
    (e) => isKeywardError(e, "too-large"),
  );
});

test("wrapping leaves the secret as it is", () => {
  const secret = Secret.fromText("data key");
  wrap(key, place, secret, systemRandom);
  assert.deepEqual(secret.reveal(), utf8("data key"));
});
