import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { x25519, x25519PublicKey } from "./agree.ts";
import { BOX_TAG_SIZE, boxKey, openBox, sealBox } from "./box.ts";
import { openSecretBox, sealSecretBox } from "./secret-box.ts";

const hex = (text: string) => fromHex(text, "vector");

/** "Cryptography in NaCl", sections 2, 5, 8 and 10. */
const alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
const bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
const bobPublic = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
const firstKey = "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389";
const nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
const message =
  "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129" +
  "6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde" +
  "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705";
const sealed =
  "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a" +
  "c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae" +
  "90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74" +
  "e355a5";

test("X25519 (RFC 7748, section 6.1)", () => {
  const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  assert.equal(toHex(x25519PublicKey(bob)), toHex(bobPublic));
  assert.equal(toHex(x25519(alice, bobPublic)), shared);
  assert.equal(toHex(x25519(bob, x25519PublicKey(alice))), shared);
});

test("a box (Cryptography in NaCl, sections 5 and 10)", () => {
  const key = boxKey(alice, bobPublic);
  assert.equal(toHex(key), firstKey);
  assert.equal(toHex(sealBox(key, nonce, hex(message))), sealed);
  assert.equal(toHex(openBox(key, nonce, hex(sealed)) ?? utf8("")), message);
});

test("the key is the same from both ends", () => {
  assert.deepEqual(boxKey(bob, x25519PublicKey(alice)), boxKey(alice, bobPublic));
});

test("public keys of low order are refused (RFC 7748, section 6.1)", () => {
  const lowOrder = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ];
  for (const point of lowOrder) {
    assert.throws(
      () => boxKey(alice, hex(point)),
      (error) => isKeywardError(error, "malformed"),
      point,
    );
  }
});

test("every length opens to what was sealed, in memory of its own", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (text) => {
      const opened = openSecretBox(alice, nonce, sealSecretBox(alice, nonce, text));
      assert.deepEqual(opened, text);
      assert.equal(opened?.buffer.byteLength, text.byteLength);
    }),
  );
});

test("every truncation, every changed bit and a byte more are refused", () => {
  const box = sealSecretBox(alice, nonce, utf8("correct horse battery staple, and more than a half block"));
  for (let length = 0; length < box.byteLength; length++) {
    assert.equal(openSecretBox(alice, nonce, box.subarray(0, length)), null);
  }
  for (let bit = 0; bit < box.byteLength * 8; bit++) {
    const changed = Uint8Array.from(box);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(openSecretBox(alice, nonce, changed), null);
  }
  assert.equal(openSecretBox(alice, nonce, Uint8Array.from([...box, 0])), null);
});

test("another key or another nonce opens nothing", () => {
  const box = sealSecretBox(alice, nonce, utf8("text"));
  assert.equal(openSecretBox(bob, nonce, box), null);
  assert.equal(openSecretBox(alice, nonce.toReversed(), box), null);
  assert.equal(openSecretBox(alice, nonce, box.subarray(0, BOX_TAG_SIZE)), null);
});
