import assert from "node:assert/strict";
import { test } from "node:test";
import { keyBetween, load, pairs, privateKey, publicKey } from "../../../test/vectors/secretary/load.ts";
import { toBase64 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  deriveBoxKey,
  formatPrivateKey,
  formatPublicKey,
  generateKeyPair,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
  publicKeyOf,
} from "./keys.ts";
import { openNacl } from "./nacl.ts";

const lookup = load("key-lookup");
const malformed = (error: unknown): boolean => isKeywardError(error, "malformed");

for (const pair of pairs) {
  test(`the ${pair.name} pair is read and written as genkeys wrote it`, () => {
    const secret = parsePrivateKey(pair.privatePem, "file");
    const open = parsePublicKey(pair.publicPem, "file");
    assert.equal(toBase64(secret.reveal()), pair.privateKey_b64);
    assert.equal(toBase64(open), pair.publicKey_b64);
    assert.equal(formatPrivateKey(secret), pair.privatePem);
    assert.equal(formatPublicKey(open), pair.publicPem);
    assert.deepEqual(publicKeyOf(secret), open);
  });
}

interface Form {
  readonly name: string;
  readonly text: string;
  readonly asEnvValue: { readonly exitCode: number; readonly stdout: string };
  readonly asFile: { readonly exitCode: number };
}

for (const form of lookup.keyForms as readonly Form[]) {
  test(`key form ${form.name}: ${form.asEnvValue.exitCode === 0 ? "taken" : "refused"}`, () => {
    assert.equal(form.asEnvValue.exitCode, form.asFile.exitCode);
    const open = (): string => {
      const key = deriveBoxKey(parsePrivateKey(form.text, "$KEY"), publicKey("config.public"));
      return Buffer.from(openNacl(key, lookup.envelope, "x").reveal()).toString();
    };
    if (form.asEnvValue.exitCode === 0) assert.equal(open(), form.asEnvValue.stdout);
    else assert.throws(open, isKeywardError);
  });
}

test("public keys are read by the same rules", () => {
  const text = toBase64(publicKey("master.public"));
  assert.deepEqual(parsePublicKey(`  ${text}\n`, "x"), publicKey("master.public"));
  assert.throws(() => parsePublicKey(text.slice(0, -1), "x"), malformed);
});

test("what a text cannot be: empty, half a block, headers alone, too long", () => {
  const wrong = [
    "",
    " ",
    "-----BEGIN X-----",
    "-----BEGIN X-----\n-----END X-----",
    "-----BEGIN X-----\nA: b\n-----END X-----",
  ];
  for (const text of wrong) assert.throws(() => parsePrivateKey(text, "x"), malformed, text);
  assert.throws(
    () => parsePrivateKey("A".repeat(70_000), "x"),
    (error) => isKeywardError(error, "too-large"),
  );
});

test("an error names the place and never the key", () => {
  const text = `${toBase64(privateKey("master.private").reveal())}AAAA`;
  assert.throws(
    () => parsePrivateKey(text, "$DEPLOY_PRIVATE_KEY"),
    (error) =>
      malformed(error) &&
      String(error).includes("$DEPLOY_PRIVATE_KEY") &&
      !String(error).includes(text.slice(0, 8)),
  );
});

test("a generated pair agrees with another from both ends, in memory of its own", () => {
  const [a, b] = [generateKeyPair(systemRandom), generateKeyPair(systemRandom)];
  assert.deepEqual(
    deriveBoxKey(a.privateKey, b.publicKey).reveal(),
    deriveBoxKey(b.privateKey, a.publicKey).reveal(),
  );
  assert.equal(a.privateKey.reveal().buffer.byteLength, 32);
  assert.equal(String(a.privateKey), "[secret, 32 bytes]");
});

test("a public key of low order is refused, where the original went on with a key that all know", () => {
  assert.throws(() => deriveBoxKey(privateKey("master.private"), new Uint8Array(32) as PublicKey), malformed);
});

test("each probe envelope opens with its own key and with no other", () => {
  const probes = Object.entries(lookup.probeEnvelopes as Record<string, string>);
  for (const [name, envelope] of probes) {
    for (const [other] of probes) {
      const open = () => openNacl(keyBetween(`${other}.private`, "config.public"), envelope, "x");
      if (other === name) assert.ok(open());
      else assert.throws(open, (error) => isKeywardError(error, "wrong-key"));
    }
  }
});
