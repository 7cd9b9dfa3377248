import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { hkdf, hkdfExpand } from "./hkdf.ts";

const hex = (text: string) => fromHex(text, "vector");
const range = (from: number, length: number) => Uint8Array.from({ length }, (_, i) => from + i);

// RFC 5869, appendix A.
const cases = [
  {
    name: "A.1, basic",
    ikm: new Uint8Array(22).fill(0x0b),
    salt: range(0, 13),
    info: range(0xf0, 10),
    okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  },
  {
    name: "A.2, longer inputs and output",
    ikm: range(0, 80),
    salt: range(0x60, 80),
    info: range(0xb0, 80),
    okm:
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09" +
      "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
  },
  {
    name: "A.3, no salt and no info",
    ikm: new Uint8Array(22).fill(0x0b),
    salt: new Uint8Array(0),
    info: new Uint8Array(0),
    okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  },
];

for (const { name, ikm, salt, info, okm } of cases) {
  test(`RFC 5869 ${name}`, () => {
    assert.equal(toHex(hkdf(ikm, salt, info, okm.length / 2)), okm);
  });
}

test("expand alone gives what the whole gives after extract", () => {
  const extracted = hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  assert.equal(toHex(hkdfExpand(extracted, range(0xf0, 10), 42)), cases[0]?.okm);
});

test("a length that cannot be is refused", () => {
  for (const length of [0, -1, 1.5, 8161]) {
    assert.throws(
      () => hkdfExpand(new Uint8Array(32), new Uint8Array(0), length),
      (e) => isKeywardError(e, "internal"),
    );
  }
  assert.equal(hkdfExpand(new Uint8Array(32), new Uint8Array(0), 8160).byteLength, 8160);
});

test("the result lies in memory of its own", () => {
  const derived = hkdf(new Uint8Array(32), new Uint8Array(0), new Uint8Array(0), 32);
  assert.equal(derived.buffer.byteLength, 32);
});
