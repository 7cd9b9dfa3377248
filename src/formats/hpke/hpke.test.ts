import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fields, fromBase64, fromHex, toBase64, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import type { HpkeAead } from "../../crypto/hpke.ts";
import { systemRandom } from "../../crypto/random.ts";
import { ed25519Sign, SIGNATURE_SIZE } from "../../crypto/sign.ts";
import { HPKE_OVERHEAD, MAX_HPKE_LENGTH, openEnvelope, parseEnvelope, sealEnvelope } from "./hpke.ts";
import { createKeyRing } from "./key-ring.ts";
import {
  generateRecipient,
  generateWriter,
  parseRecipient,
  parseWriter,
  type RecipientPublicKey,
} from "./keys.ts";
import type { Place } from "./place.ts";

interface Vectors {
  readonly ephemeral: string;
  readonly recipient: { readonly privatePem: string; readonly keyId: string };
  readonly writer: { readonly privatePem: string; readonly keyId: string };
  readonly cases: readonly (Place & { shows: string; aead: HpkeAead; value: string; envelope: string })[];
  readonly refused: readonly (Place & { shows: string; envelope: string })[];
}

const vectors = JSON.parse(
  readFileSync(new URL("../../../test/vectors/hpke/envelope-v1.json", import.meta.url), "utf8"),
) as Vectors;
const recipient = parseRecipient(vectors.recipient.privatePem, "vector");
const writer = parseWriter(vectors.writer.privatePem, "vector");
const ring = createKeyRing([recipient], [writer.publicKey]);
const place: Place = { environment: "prod", variable: "DB_PASSWORD" };

const seal = (text: string) =>
  sealEnvelope({ recipient: recipient.publicKey, writer, place }, systemRandom, utf8(text));
const open = (envelope: string, where = place, keys = ring): string =>
  Buffer.from(openEnvelope(parseEnvelope(envelope, "x"), keys, where, "x").reveal()).toString();

for (const one of vectors.cases) {
  test(`vector: ${one.shows}, both ways`, () => {
    const parsed = parseEnvelope(one.envelope, "vector");
    assert.deepEqual(
      [parsed.aead, parsed.recipient, parsed.writer],
      [one.aead, vectors.recipient.keyId, vectors.writer.keyId],
    );
    assert.equal(toHex(openEnvelope(parsed, ring, one, "vector").reveal()), one.value);
    const sealed = sealEnvelope(
      { recipient: recipient.publicKey, writer, place: one, aead: one.aead },
      () => fromHex(vectors.ephemeral, "ephemeral"),
      fromHex(one.value, "value"),
    );
    assert.equal(sealed, one.envelope);
  });
}

for (const one of vectors.refused) {
  test(`vector refused: ${one.shows}`, () => {
    assert.throws(() => openEnvelope(parseEnvelope(one.envelope, "x"), ring, one, "x"), isKeywardError);
  });
}

test("any value comes back, in memory of its own", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.string({ maxLength: 20 }), (value, variable) => {
      const where = { environment: "e", variable: variable.replace(/[\u0000-\u001f\u007f]/g, "") };
      const to = { recipient: recipient.publicKey, writer, place: where };
      const text = sealEnvelope(to, systemRandom, value);
      const opened = openEnvelope(parseEnvelope(text, "x"), ring, where, "x");
      assert.deepEqual(Uint8Array.from(opened.reveal()), value);
      assert.equal(opened.reveal().byteLength, opened.reveal().buffer.byteLength);
    }),
    { numRuns: 30 },
  );
});

const sealed = seal("horse");
const bytes = fromBase64(sealed.slice(9, -1), "x");
const textOf = (content: Uint8Array): string => `ENC[HPKE,${toBase64(content)}]`;

test("the layout is the byte table's", () => {
  assert.equal(bytes.byteLength, 5 + HPKE_OVERHEAD);
  assert.deepEqual([...bytes.subarray(0, 3)], [1, 0, 2]);
  assert.equal(toHex(bytes.subarray(3, 19)), vectors.recipient.keyId + vectors.writer.keyId);
});

test("every truncation is refused", () => {
  for (let length = 0; length < bytes.byteLength; length++)
    assert.throws(() => open(textOf(bytes.subarray(0, length))), isKeywardError, `${length} bytes`);
  for (let length = 0; length < sealed.length; length++)
    assert.throws(() => open(sealed.slice(0, length)), isKeywardError, `${length} characters`);
});

test("every changed bit, and a byte more, is refused", () => {
  for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
    const changed = Uint8Array.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => open(textOf(changed)), isKeywardError, `bit ${bit}`);
  }
  assert.throws(() => open(textOf(concat(bytes, Uint8Array.of(0)))), isKeywardError);
});

test("every changed character is refused: base64 is taken in one form only", () => {
  for (let at = 0; at < sealed.length; at++) {
    for (const character of ["A", "/", "=", " ", "\n"]) {
      if (sealed[at] === character) continue;
      assert.throws(() => open(sealed.slice(0, at) + character + sealed.slice(at + 1)), isKeywardError);
    }
  }
});

test("an envelope that was moved to another environment or variable does not open, and the error says so", () => {
  for (const other of [
    { ...place, environment: "dev" },
    { ...place, variable: "DB_PASSWORD_2" },
    { ...place, variable: "" },
    { environment: "prodD", variable: "B_PASSWORD" },
  ])
    assert.throws(
      () => open(sealed, other),
      (error) => isKeywardError(error, "integrity") && /another environment or variable/.test(error.message),
    );
});

test("who writes cannot open: the writer's keys and the recipient's public key are not enough", () => {
  const other = generateRecipient(systemRandom);
  const guess = createKeyRing(
    [{ publicKey: recipient.publicKey, privateKey: other.privateKey }],
    [writer.publicKey],
  );
  assert.throws(
    () => open(sealed, place, guess),
    (error) => isKeywardError(error, "integrity"),
  );
});

test("a key that is not here is named by its id, whether recipient's or writer's", () => {
  const noRecipient = createKeyRing([generateRecipient(systemRandom)], [writer.publicKey]);
  assert.throws(() => open(sealed, place, noRecipient), /sealed to key [0-9a-f]{16}, which is not here/);
  const noWriter = createKeyRing([recipient], [generateWriter(systemRandom).publicKey]);
  assert.throws(
    () => open(sealed, place, noWriter),
    /written with key [0-9a-f]{16}, which is not trusted here/,
  );
});

test("after a rotation, values of the old and of the new key open with one ring, without trials", () => {
  const next = generateRecipient(systemRandom);
  const both = createKeyRing([recipient, next], [writer.publicKey]);
  const newer = sealEnvelope({ recipient: next.publicKey, writer, place }, systemRandom, utf8("new"));
  assert.deepEqual([open(sealed, place, both), open(newer, place, both)], ["horse", "new"]);
});

test("another trusted writer cannot put its signature in place of the first", () => {
  const thief = generateWriter(systemRandom);
  const theirs = fromBase64(
    sealEnvelope({ recipient: recipient.publicKey, writer: thief, place }, systemRandom, utf8("x")).slice(
      9,
      -1,
    ),
    "x",
  );
  const taken = concat(bytes.subarray(0, 11), theirs.subarray(11, 19), bytes.subarray(19, -SIGNATURE_SIZE));
  const message = fields(
    "keyward/hpke/v1/signature",
    place.environment,
    place.variable,
    recipient.publicKey,
    taken,
  );
  const forged = textOf(concat(taken, ed25519Sign(thief.seed.reveal(), message)));
  const all = createKeyRing([recipient], [writer.publicKey, thief.publicKey]);
  assert.throws(
    () => open(forged, place, all),
    (error) => isKeywardError(error, "integrity"),
  );
});

test("a recipient of low order is refused", () => {
  const low = new Uint8Array(32) as RecipientPublicKey;
  assert.throws(
    () => sealEnvelope({ recipient: low, writer, place }, systemRandom, utf8("x")),
    (error) => isKeywardError(error, "malformed"),
  );
});

test("a place needs an environment, and names without control characters or halves of characters", () => {
  for (const wrong of [
    { environment: "", variable: "A" },
    { environment: "a\n", variable: "A" },
    { environment: "a".repeat(254), variable: "A" },
    { environment: "a", variable: "\0" },
    { environment: "a", variable: "A".repeat(1025) },
    { environment: "\ud800", variable: "A" },
  ]) {
    const usage = (error: unknown): boolean => isKeywardError(error, "usage");
    const to = { recipient: recipient.publicKey, writer, place: wrong };
    assert.throws(() => sealEnvelope(to, systemRandom, utf8("x")), usage);
    assert.throws(() => open(sealed, wrong), usage);
  }
});

test("a text of more than 2 MiB is refused unread; a value of 1 MiB passes", () => {
  assert.throws(
    () => parseEnvelope(`ENC[HPKE,${"A".repeat(MAX_HPKE_LENGTH)}]`, "x"),
    (error) => isKeywardError(error, "too-large"),
  );
  assert.equal(open(seal("a".repeat(1_048_576))).length, 1_048_576);
});
