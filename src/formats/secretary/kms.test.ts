import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, load } from "../../../test/vectors/secretary/load.ts";
import { fromHex, toBase64, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { formatKms, openKms, parseKms, sealKms } from "./kms.ts";

const vectors = load("kms");
const hex = (text: string) => fromHex(text, "vector");

interface Case {
  readonly name: string;
  readonly plaintext_b64: string;
  readonly dataKey_hex: string;
  readonly ciphertextBlob_b64: string;
  readonly nonce_hex: string;
  /** Null where it is long. */
  readonly message_hex: string | null;
  readonly envelope: string;
}

for (const one of vectors.cases as readonly Case[]) {
  test(`vector ${one.name}, both ways, to the byte`, () => {
    const dataKey = Secret.take(hex(one.dataKey_hex));
    const envelope = parseKms(one.envelope, one.name);
    assert.equal(toBase64(envelope.encryptedDataKey), one.ciphertextBlob_b64);
    assert.equal(toHex(envelope.nonce), one.nonce_hex);
    if (one.message_hex !== null) assert.equal(toHex(envelope.message), one.message_hex);
    assert.deepEqual(openKms(dataKey, envelope, one.name).reveal(), bytes(one.plaintext_b64));
    assert.equal(formatKms(envelope), one.envelope);
    const value = bytes(one.plaintext_b64);
    assert.equal(sealKms(dataKey, bytes(one.ciphertextBlob_b64), hex(one.nonce_hex), value), one.envelope);
    assert.ok(one.envelope.startsWith(`ENC[KMS,${vectors.constantPrefixBase64First124}`));
  });
}

/** What the foreign streams' one data key opens; the fake KMS knows one blob. */
interface Foreign {
  readonly name: string;
  readonly envelope: string;
  readonly dataKey_hex: string;
  readonly ciphertextBlob_b64: string;
  readonly exitCode: number;
  readonly stdout: string;
}

function openForeign(one: Foreign): string {
  const envelope = parseKms(one.envelope, one.name);
  if (toBase64(envelope.encryptedDataKey) !== one.ciphertextBlob_b64) throw new Error("unknown blob");
  const value = openKms(Secret.take(hex(one.dataKey_hex)), envelope, one.name);
  return Buffer.from(value.reveal()).toString();
}

for (const one of vectors.foreignGob as readonly Foreign[]) {
  if (one.name === "empty-after-decode") continue;
  test(`foreign gob ${one.name}: ${one.exitCode === 0 ? "taken" : "refused"}, as the original does`, () => {
    if (one.exitCode === 0) assert.equal(openForeign(one), one.stdout);
    else assert.throws(() => openForeign(one));
  });
}

test("an empty body is refused", () => {
  assert.throws(
    () => parseKms("ENC[KMS,]", "x"),
    (error) => isKeywardError(error, "malformed"),
  );
});

const first = vectors.cases[0] as Case;
const stream = Buffer.from(first.envelope.slice(8, -1), "base64");
const textOf = (content: Uint8Array): string => `ENC[KMS,${toBase64(content)}]`;

test("every truncation is refused", () => {
  for (let length = 0; length < stream.length; length++)
    assert.throws(() => parseKms(textOf(stream.subarray(0, length)), "x"), isKeywardError, `${length} bytes`);
});

test("no changed bit opens to another value: refused, another data key asked for, or a name that does not matter", () => {
  const dataKey = Secret.take(hex(first.dataKey_hex));
  let same = 0;
  for (let bit = 0; bit < stream.length * 8; bit++) {
    const changed = Uint8Array.from(stream);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    try {
      const envelope = parseKms(textOf(changed), "x");
      if (toBase64(envelope.encryptedDataKey) !== first.ciphertextBlob_b64) continue;
      assert.deepEqual(openKms(dataKey, envelope, "x").reveal(), bytes(first.plaintext_b64));
      same++;
    } catch (error) {
      assert.ok(isKeywardError(error), String(error));
    }
  }
  // The names of the two types, and their own copies of their numbers.
  assert.ok(same < 200, `${same} changes make no difference`);
});

test("a data key of another length, and another data key, are refused", () => {
  const envelope = parseKms(first.envelope, "x");
  assert.throws(
    () => openKms(Secret.take(new Uint8Array(16)), envelope, "x"),
    (error) => isKeywardError(error, "malformed"),
  );
  assert.throws(
    () => openKms(Secret.take(new Uint8Array(32)), envelope, "x"),
    (error) => isKeywardError(error, "wrong-key"),
  );
});

test("a wrapped data key longer than KMS takes is refused", () => {
  const dataKey = Secret.take(new Uint8Array(32));
  const text = sealKms(dataKey, new Uint8Array(6145).fill(1), new Uint8Array(24), utf8("x"));
  assert.throws(
    () => parseKms(text, "x"),
    (error) => isKeywardError(error, "too-large"),
  );
});
