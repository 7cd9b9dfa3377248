import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { openAead, sealAead } from "./aead.ts";

const hex = (text: string) => fromHex(text, "vector");
const none = new Uint8Array(0);

// McGrew and Viega, The Galois/Counter Mode of Operation, test cases 13, 14 and 16.
const key16 = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
const text16 = hex(
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
);
const aad16 = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
const nonce16 = hex("cafebabefacedbaddecaf888");
const sealed16 =
  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
  "76fc6ece0f4e1768cddf8853bb2d551b";

test("GCM test case 13: nothing at all", () => {
  const sealed = sealAead(new Uint8Array(32), new Uint8Array(12), none, none);
  assert.equal(toHex(sealed), "530f8afbc74536b9a963b4f1c4cb738b");
});

test("GCM test case 14: one block of zeros", () => {
  const sealed = sealAead(new Uint8Array(32), new Uint8Array(12), none, new Uint8Array(16));
  assert.equal(toHex(sealed), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
});

test("GCM test case 16: text and associated data", () => {
  assert.equal(toHex(sealAead(key16, nonce16, aad16, text16)), sealed16);
  assert.deepEqual(openAead(key16, nonce16, aad16, hex(sealed16)), text16);
});

test("a shortened tag is refused", () => {
  for (let cut = 1; cut <= 16; cut++) {
    const sealed = hex(sealed16).subarray(0, sealed16.length / 2 - cut);
    assert.equal(openAead(key16, nonce16, aad16, sealed), null);
  }
});

test("other key, nonce or associated data: null", () => {
  const sealed = hex(sealed16);
  assert.equal(openAead(new Uint8Array(32), nonce16, aad16, sealed), null);
  assert.equal(openAead(key16, new Uint8Array(12), aad16, sealed), null);
  assert.equal(openAead(key16, nonce16, none, sealed), null);
  assert.equal(openAead(key16, nonce16, aad16, none), null);
});

test("keys and nonces of another size are a mistake in the program", () => {
  for (const [key, nonce] of [
    [new Uint8Array(16), nonce16],
    [key16, new Uint8Array(16)],
  ] as const) {
    assert.throws(
      () => sealAead(key, nonce, none, none),
      (e) => isKeywardError(e, "internal"),
    );
    assert.throws(
      () => openAead(key, nonce, none, new Uint8Array(16)),
      (e) => isKeywardError(e, "internal"),
    );
  }
});
