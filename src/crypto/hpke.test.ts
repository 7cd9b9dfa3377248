import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { concat, fromHex, toHex, utf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { openAead, sealAead } from "./aead.ts";
import { x25519, x25519PublicKey } from "./agree.ts";
import { openChaCha, sealChaCha } from "./chacha20-poly1305.ts";
import { type HpkeAead, keySchedule, openHpke, sealHpke, sharedSecret } from "./hpke.ts";

interface Vector {
  readonly aead: HpkeAead;
  readonly info: string;
  readonly skEm: string;
  readonly skRm: string;
  readonly pkRm: string;
  readonly enc: string;
  readonly shared_secret: string;
  readonly key: string;
  readonly base_nonce: string;
  readonly aad: string;
  readonly pt: string;
  readonly ct: string;
  readonly encryptions_accumulated: string;
}

const { vectors } = JSON.parse(
  readFileSync(new URL("../../test/vectors/hpke/rfc9180.json", import.meta.url), "utf8"),
) as { vectors: readonly Vector[] };
const hex = (text: string) => fromHex(text, "vector");

for (const vector of vectors) {
  const { aead } = vector;
  const context = { aead, info: hex(vector.info), aad: hex(vector.aad) };

  test(`${aead}: the key schedule of RFC 9180`, () => {
    const [enc, recipient] = [hex(vector.enc), hex(vector.pkRm)];
    assert.equal(toHex(x25519PublicKey(hex(vector.skRm))), vector.pkRm);
    const shared = sharedSecret(x25519(hex(vector.skEm), recipient), enc, recipient);
    assert.equal(toHex(shared), vector.shared_secret);
    const { key, baseNonce } = keySchedule(shared, aead, context.info);
    assert.deepEqual([toHex(key), toHex(baseNonce)], [vector.key, vector.base_nonce]);
  });

  test(`${aead}: the first message of RFC 9180, both ways`, () => {
    const sealed = sealHpke(hex(vector.skEm), hex(vector.pkRm), context, hex(vector.pt));
    assert.deepEqual([toHex(sealed.enc), toHex(sealed.ciphertext)], [vector.enc, vector.ct]);
    const recipient = { privateKey: hex(vector.skRm), publicKey: hex(vector.pkRm) };
    const opened = openHpke(recipient, context, { enc: hex(vector.enc), ciphertext: hex(vector.ct) });
    assert.equal(toHex(opened ?? utf8("")), vector.pt);
  });

  test(`${aead}: a thousand messages of every length up to 255, accumulated`, () => {
    const { key, baseNonce } = keySchedule(hex(vector.shared_secret), aead, context.info);
    const [seal, open] = aead === "aes-256-gcm" ? [sealAead, openAead] : [sealChaCha, openChaCha];
    const draw = drawing();
    const sink = createHash("shake128", { outputLength: 16 });
    for (let sequence = 0; sequence < 1000; sequence++) {
      const [aad, text] = [draw(), draw()];
      const nonce = Uint8Array.from(baseNonce);
      nonce[10] = (nonce[10] ?? 0) ^ (sequence >> 8);
      nonce[11] = (nonce[11] ?? 0) ^ (sequence & 255);
      const sealed = seal(key, nonce, aad, text);
      sink.update(sealed);
      assert.deepEqual(Uint8Array.from(open(key, nonce, aad, sealed) ?? utf8("?")), text);
    }
    assert.equal(sink.digest("hex"), vector.encryptions_accumulated);
  });

  test(`${aead}: other info, other associated data, a changed byte: nothing opens`, () => {
    const sealed = { enc: hex(vector.enc), ciphertext: hex(vector.ct) };
    const recipient = { privateKey: hex(vector.skRm), publicKey: hex(vector.pkRm) };
    assert.equal(openHpke(recipient, { ...context, info: utf8("other") }, sealed), null);
    assert.equal(openHpke(recipient, { ...context, aad: utf8("other") }, sealed), null);
    assert.equal(openHpke({ ...recipient, privateKey: hex(vector.skEm) }, context, sealed), null);
    const short = { enc: sealed.enc, ciphertext: sealed.ciphertext.subarray(0, 15) };
    assert.equal(openHpke(recipient, context, short), null);
    for (let at = 0; at < 32; at++) {
      const enc = Uint8Array.from(sealed.enc);
      // The highest bit of a public key means nothing (RFC 7748, section 5), but it is part of what is bound.
      enc[at] = (enc[at] ?? 0) ^ (at === 31 ? 128 : 1);
      assert.equal(openHpke(recipient, context, { ...sealed, enc }), null);
    }
  });
}

test("an encapsulated key of low order is refused", () => {
  const context = { aead: "aes-256-gcm", info: utf8(""), aad: utf8("") } as const;
  const sealed = { enc: new Uint8Array(32), ciphertext: new Uint8Array(16) };
  const recipient = { privateKey: new Uint8Array(32).fill(7), publicKey: new Uint8Array(32) };
  assert.throws(
    () => openHpke(recipient, context, sealed),
    (error) => isKeywardError(error, "malformed"),
  );
});

/** The inputs of the accumulated vectors: a length and that many bytes, again and again, of SHAKE128 of nothing. */
function drawing(): () => Uint8Array {
  const stream = createHash("shake128", { outputLength: 600_000 }).digest();
  let at = 0;
  return () => {
    const length = stream[at] ?? 0;
    at += 1 + length;
    return concat(stream.subarray(at - length, at));
  };
}
