import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytes, keyBetween, load } from "../../../test/vectors/secretary/load.ts";
import { fromHex, toBase64, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { MAX_ENVELOPE_LENGTH, wrapText } from "./envelope-text.ts";
import { NACL_OVERHEAD, openNacl, parseNacl, sealNacl, tryNacl } from "./nacl.ts";
import { findEnvelopes } from "./recognise.ts";
import { parseEnvelope } from "./secretary.ts";

interface Case {
  readonly name: string;
  readonly plaintext_b64: string;
  readonly nonce_hex: string;
  readonly tag_hex: string;
  readonly envelope: string;
  readonly wrappedStdout?: string;
}

const cases: readonly Case[] = load("nacl-envelopes").cases;
const sealing = keyBetween("config.private", "master.public");
const opening = keyBetween("master.private", "config.public");
const nonce = new Uint8Array(24).fill(9);
const refused = (error: unknown): boolean =>
  isKeywardError(error, "malformed") || isKeywardError(error, "wrong-key");

for (const one of cases) {
  test(`vector ${one.name}, both ways`, () => {
    const value = bytes(one.plaintext_b64);
    const vectorNonce = fromHex(one.nonce_hex, "nonce");
    assert.deepEqual(openNacl(opening, one.envelope, "vector").reveal(), value);
    assert.equal(sealNacl(sealing, vectorNonce, value), one.envelope);
    const parsed = parseNacl(one.envelope, "vector");
    assert.deepEqual(parsed.nonce, vectorNonce);
    assert.deepEqual(parsed.box.subarray(0, 16), fromHex(one.tag_hex, "tag"));
  });
}

test("the original's wrapped output is found, opens, and is how ours wraps", () => {
  const wrapped = cases.filter((one) => one.wrappedStdout !== undefined);
  assert.ok(wrapped.length > 20);
  for (const one of wrapped) {
    const [found] = findEnvelopes(one.wrappedStdout ?? "");
    assert.deepEqual(openNacl(opening, found?.envelope ?? "", one.name).reveal(), bytes(one.plaintext_b64));
    assert.equal(wrapText(found?.envelope ?? ""), one.wrappedStdout);
  }
});

test("any value comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (value) => {
      assert.deepEqual(openNacl(opening, sealNacl(sealing, nonce, value), "x").reveal(), value);
    }),
  );
});

test("every truncation and every changed bit of the bytes is refused", () => {
  const envelope = parseNacl(sealNacl(sealing, nonce, utf8("correct horse")), "x");
  const whole = Uint8Array.from([...envelope.nonce, ...envelope.box]);
  const text = (content: Uint8Array): string => `ENC[NACL,${toBase64(content)}]`;
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => openNacl(opening, text(whole.slice(0, length)), "x"), refused);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const changed = Uint8Array.from(whole);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => openNacl(opening, text(changed), "x"), refused);
  }
  assert.throws(() => openNacl(opening, text(Uint8Array.from([...whole, 0])), "x"), refused);
});

test("every truncation and every changed character of the text is refused, but for bits that base64 has spare", () => {
  const envelope = sealNacl(sealing, nonce, utf8("correct horse"));
  for (let length = 0; length < envelope.length; length++)
    assert.throws(() => openNacl(opening, envelope.slice(0, length), "x"), refused);
  const taken: string[] = [];
  for (let at = 0; at < envelope.length; at++) {
    for (const character of "A7_=\u00e9 ]") {
      if (character === envelope[at]) continue;
      const changed = envelope.slice(0, at) + character + envelope.slice(at + 1);
      try {
        assert.deepEqual(openNacl(opening, changed, "x").reveal(), utf8("correct horse"));
        taken.push(changed);
      } catch (error) {
        assert.ok(refused(error), String(error));
      }
    }
  }
  // 53 bytes end in a character of which two bits are spare: 3 other letters decode alike, of which `7` is one or none.
  assert.ok(taken.length <= 1, taken.join());
});

test("nothing may stand before or after the envelope, but line breaks may stand inside", () => {
  const envelope = sealNacl(sealing, nonce, utf8("p"));
  for (const text of [
    `${envelope}\n`,
    ` ${envelope}`,
    `x${envelope}`,
    `${envelope}]`,
    envelope.toLowerCase(),
  ])
    assert.throws(() => openNacl(opening, text, "x"), refused, text);
  assert.throws(() => openNacl(opening, envelope.replace("NACL,", "NACL, "), "x"), refused);
  const broken = `${envelope.slice(0, 30)}\r\n${envelope.slice(30)}`;
  assert.deepEqual(openNacl(opening, broken, "x").reveal(), utf8("p"));
});

test("other keys are told apart from damage to the text", () => {
  const envelope = sealNacl(keyBetween("bad.private", "master.public"), nonce, utf8("p"));
  assert.throws(
    () => openNacl(opening, envelope, "DB_PASSWORD"),
    (error) => isKeywardError(error, "wrong-key") && error.message.startsWith("DB_PASSWORD: "),
  );
  assert.equal(tryNacl(opening, parseNacl(envelope, "x")), null);
  assert.throws(
    () => openNacl(opening, "ENC[NACL,AAAA]", "x"),
    (error) => isKeywardError(error, "malformed"),
  );
});

test("an envelope without a nonce, which crashed the original, is refused", () => {
  for (const length of [0, 1, 23, 24, 25, NACL_OVERHEAD - 1])
    assert.throws(() => parseNacl(`ENC[NACL,${toBase64(new Uint8Array(length))}]`, "x"), refused);
});

test("a text of more than 4 MiB is refused unread", () => {
  assert.throws(
    () => parseNacl(`ENC[NACL,${"A".repeat(MAX_ENVELOPE_LENGTH)}]`, "x"),
    (error) => isKeywardError(error, "too-large"),
  );
});

test("who could seal can also open, which is why another format is the default", () => {
  assert.deepEqual(sealing.reveal(), opening.reveal());
});

test("either kind is told by its first characters", () => {
  assert.equal(parseEnvelope(sealNacl(sealing, nonce, utf8("p")), "x").kind, "nacl");
  assert.equal(parseEnvelope(load("kms").cases[0].envelope, "x").kind, "kms");
  assert.throws(() => parseEnvelope("ENC[AES,AAAA]", "x"), refused);
});
