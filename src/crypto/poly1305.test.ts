import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex, utf8 } from "../base/bytes.ts";
import { poly1305 } from "./poly1305.ts";

const hex = (text: string) => fromHex(text, "vector");
const tagOf = (r: string, s: string, message: string): string =>
  toHex(poly1305(hex(r.padEnd(32, "0") + s.padEnd(32, "0")), hex(message)));

test("Poly1305 (RFC 8439, section 2.5.2)", () => {
  const key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
  const tag = poly1305(key, utf8("Cryptographic Forum Research Group"));
  assert.equal(toHex(tag), "a8061dc1305136c6c22b8baf0c0127a9");
});

test("sums at the edge of the prime (RFC 8439, appendix A.3, tests 7 to 11)", () => {
  const ff = "ff".repeat(16);
  assert.equal(tagOf("02", "", ff), "03".padEnd(32, "0"));
  assert.equal(tagOf("02", ff, "02".padEnd(32, "0")), "03".padEnd(32, "0"));
  assert.equal(tagOf("01", "", `${ff}f0${"ff".repeat(15)}${"11".padEnd(32, "0")}`), "05".padEnd(32, "0"));
  assert.equal(tagOf("01", "", `${ff}fb${"fe".repeat(15)}${"01".repeat(16)}`), "00".repeat(16));
  assert.equal(tagOf("02", "", `fd${"ff".repeat(15)}`), `fa${"ff".repeat(15)}`);
});

test("tags are those that OpenSSL makes inside ChaCha20-Poly1305", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const text = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.integer({ min: 0, max: 200 }).map((n) => new Uint8Array(n)),
  );
  fc.assert(
    fc.property(bytes(32), bytes(12), text, (key, nonce, plain) => {
      const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
      const ciphertext = concat(cipher.update(plain), cipher.final());
      const start = concat(new Uint8Array(4), nonce);
      const tagKey = createCipheriv("chacha20", key, start).update(new Uint8Array(32));
      assert.equal(toHex(poly1305(tagKey, authenticated(ciphertext))), toHex(cipher.getAuthTag()));
    }),
    { numRuns: 300 },
  );
});

test("with all bits set in key and message, no step loses a bit", () => {
  const key = new Uint8Array(32).fill(255);
  const message = new Uint8Array(4096).fill(255);
  assert.equal(toHex(poly1305(key, message)), toHex(slow(key, message)));
});

/** The message of RFC 8439, section 2.8, without associated data. */
function authenticated(ciphertext: Uint8Array): Uint8Array {
  const sizes = new Uint8Array(16);
  new DataView(sizes.buffer).setUint32(8, ciphertext.byteLength, true);
  return concat(ciphertext, new Uint8Array((16 - (ciphertext.byteLength % 16)) % 16), sizes);
}

/** The definition, in whole numbers. */
function slow(key: Uint8Array, message: Uint8Array): Uint8Array {
  const number = (bytes: Uint8Array) => BigInt(`0x0${toHex(Uint8Array.from(bytes).reverse())}`);
  const r = number(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.byteLength; at += 16) {
    sum = ((sum + number(concat(message.subarray(at, at + 16), Uint8Array.of(1)))) * r) % (2n ** 130n - 5n);
  }
  const total = (sum + number(key.subarray(16))) % 2n ** 128n;
  return hex(total.toString(16).padStart(32, "0")).reverse();
}
