import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../base/bytes.ts";
import { openCbc, sealCbc } from "./aes-cbc.ts";
import { bytesToKey } from "./bytes-to-key.ts";
import { systemRandom } from "./random.ts";

const key = fromHex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "key");
const iv = fromHex("000102030405060708090a0b0c0d0e0f", "iv");

test("the first block is that of NIST SP 800-38A, F.2.5", () => {
  const text = fromHex("6bc1bee22e409f96e93d7e117393172a", "text");
  const sealed = sealCbc(key, iv, text);
  assert.equal(toHex(sealed.subarray(0, 16)), "f58c4c04d6e5f1ba779eabfb5f7bfbd6");
  assert.equal(sealed.byteLength, 32);
});

test("every length up to three blocks comes back", () => {
  for (let length = 0; length <= 48; length++) {
    const text = systemRandom(length);
    assert.deepEqual(openCbc(key, iv, sealCbc(key, iv, text)), text);
  }
});

test("a wrong length, and a padding that is none, give nothing", () => {
  const sealed = sealCbc(key, iv, systemRandom(40));
  for (let length = 0; length < sealed.byteLength; length++)
    if (length % 16 !== 0 || length === 0) assert.equal(openCbc(key, iv, sealed.subarray(0, length)), null);
  // The last block is all padding: a change in the block before changes one byte of it.
  const whole = sealCbc(key, iv, systemRandom(32));
  for (let at = 16; at < 32; at++) {
    const changed = Uint8Array.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0x20;
    assert.equal(openCbc(key, iv, changed), null);
  }
});

test("key and iv of other lengths than asked for are cut from the same row of blocks", () => {
  const secret = new TextEncoder().encode("s3cr3t");
  const { key: whole, iv: rest } = bytesToKey(secret, 32, 16);
  assert.equal(toHex(whole), "51e652b7716cf4da15e11d09654c837c5478a42b0aba2cc191fbaff6d3ebfc13");
  const parts = bytesToKey(secret, 8, 5);
  assert.equal(toHex(parts.key) + toHex(parts.iv), toHex(whole).slice(0, 26));
  assert.equal(toHex(rest), "31eaa191122c0035a11cb6c70533f7b3");
});
