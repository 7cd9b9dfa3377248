import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { test } from "node:test";
import { fromHex, toHex, utf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { x25519ToPkcs8 } from "./agree.ts";
import { sha256 } from "./hash.ts";
import { generateEc, generateRsa } from "./key-pair.ts";
import { createMacs, hmacSha256, verifyMac } from "./mac.ts";
import { type Random, systemRandom, uniform } from "./random.ts";
import { assertCost, scrypt } from "./scrypt.ts";
import { ed25519PublicKey, ed25519Sign, ed25519Verify } from "./sign.ts";

const hex = (text: string) => fromHex(text, "vector");

test("SHA-256 of abc, whole and in parts (FIPS 180-4 examples)", () => {
  const wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(toHex(sha256(utf8("abc"))), wanted);
  assert.equal(toHex(sha256(utf8("a"), utf8("bc"))), wanted);
});

test("HMAC-SHA-256 (RFC 4231, test case 2)", () => {
  const code = hmacSha256(utf8("Jefe"), utf8("what do ya want "), utf8("for nothing?"));
  assert.equal(toHex(code), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
});

test("a code is verified in its whole length", () => {
  const key = utf8("key");
  const code = hmacSha256(key, utf8("message"));
  assert.equal(verifyMac(code, key, utf8("message")), true);
  assert.equal(verifyMac(code.subarray(0, 31), key, utf8("message")), false);
  assert.equal(verifyMac(new Uint8Array(0), key, utf8("message")), false);
  assert.equal(verifyMac(code, key, utf8("massage")), false);
});

test("scrypt (RFC 7914, section 12, third vector)", async () => {
  const derived = await scrypt(utf8("pleaseletmein"), utf8("SodiumChloride"), { N: 16_384, r: 8, p: 1 }, 64);
  assert.equal(
    toHex(derived),
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2" +
      "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
  );
});

test("scrypt parameters out of bounds are refused before any work", () => {
  const wrong = [
    { N: 8192, r: 8, p: 1 },
    { N: 2 ** 30, r: 8, p: 1 },
    { N: 131_073, r: 8, p: 1 },
    { N: 131_072, r: 32, p: 1 },
    { N: 131_072, r: 8, p: 0 },
    { N: 131_072, r: 8, p: 9 },
    { N: 131_072.5, r: 8, p: 1 },
    { N: Number.NaN, r: 8, p: 1 },
  ];
  for (const cost of wrong) {
    assert.throws(
      () => assertCost(cost, "seal"),
      (e) => isKeywardError(e, "malformed"),
      JSON.stringify(cost),
    );
  }
});

test("Ed25519 (RFC 8032, section 7.1, test 2)", () => {
  const seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const publicKey = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const signature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
  assert.deepEqual(ed25519PublicKey(seed), publicKey);
  assert.equal(toHex(ed25519Sign(seed, hex("72"))), signature);
  assert.equal(ed25519Verify(publicKey, hex("72"), hex(signature)), true);
  assert.equal(ed25519Verify(publicKey, hex("73"), hex(signature)), false);
  assert.equal(ed25519Verify(publicKey, hex("72"), hex(signature).subarray(1)), false);
});

test("X25519 private keys are read back by the runtime", () => {
  const alice = hex("77076d0a7318a57d3c16c17251b26645df2c1af2b6a2c7d2e2d0b1e2b4a5f1a9");
  const key = createPrivateKey({ key: Buffer.from(x25519ToPkcs8(alice)), format: "der", type: "pkcs8" });
  assert.equal(key.asymmetricKeyType, "x25519");
  assert.deepEqual(new Uint8Array(key.export({ format: "der", type: "pkcs8" }).subarray(16)), alice);
});

test("key pairs come in the form that was asked for", async () => {
  const made = [
    [await generateRsa(2048, "pkcs1"), "pkcs1"],
    [await generateRsa(2048, "pkcs8"), "pkcs8"],
    [await generateEc("p256", "sec1"), "sec1"],
    [await generateEc("p384", "pkcs8"), "pkcs8"],
  ] as const;
  for (const [der, type] of made) {
    const key = createPrivateKey({ key: Buffer.from(der), format: "der", type });
    assert.ok(createPublicKey(key));
    assert.equal(der.buffer.byteLength, der.byteLength);
  }
});

test("random bytes lie in memory of their own", () => {
  const bytes = systemRandom(32);
  assert.equal(bytes.buffer.byteLength, 32);
  assert.notDeepEqual(bytes, systemRandom(32));
});

test("a uniform number takes no draw that favours the small ones", () => {
  // 2^24 mod 100 is 16, so the last 16 of 2^24 draws would come round to 0 to 15 once more.
  const drawn = [0xfffff0, 0xffffff, 0xffffef];
  const random: Random = () => {
    const next = drawn.shift() ?? 0;
    return Uint8Array.of(next >> 16, (next >> 8) & 255, next & 255);
  };
  assert.equal(uniform(random, 100), 99);
  assert.equal(drawn.length, 0);
});

test("uniform numbers cover the range and nothing else", () => {
  const seen = new Set(Array.from({ length: 2000 }, () => uniform(systemRandom, 10)));
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(uniform(systemRandom, 1), 0);
  for (const below of [0, -1, 1.5, 2 ** 24 + 1]) {
    assert.throws(
      () => uniform(systemRandom, below),
      (e) => isKeywardError(e, "internal"),
    );
  }
});

test("many codes under one key are what each is alone, whatever the lengths", () => {
  for (const size of [0, 1, 32, 64]) {
    const key = systemRandom(size);
    using macs = createMacs(key);
    const wanted = key.slice();
    key.fill(0);
    for (const length of [0, 1, 55, 63, 64, 1023, 1024, 1025, 3000]) {
      const [message, more] = [systemRandom(length), utf8("more")];
      assert.equal(toHex(macs.of(message, more)), toHex(hmacSha256(wanted, message, more)));
    }
  }
  assert.throws(
    () => createMacs(new Uint8Array(65)),
    (error) => isKeywardError(error, "internal"),
  );
});
