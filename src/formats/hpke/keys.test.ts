import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { toHex } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  formatRecipient,
  formatRecipientPublicKey,
  formatWriter,
  formatWriterPublicKey,
  generateRecipient,
  generateWriter,
  parseRecipient,
  parseRecipientPublicKey,
  parseWriter,
  parseWriterPublicKey,
  recipientKeyId,
  writerKeyId,
} from "./keys.ts";

const { recipient, writer } = JSON.parse(
  readFileSync(new URL("../../../test/vectors/hpke/envelope-v1.json", import.meta.url), "utf8"),
);
const text = (secret: Secret): string => Buffer.from(secret.reveal()).toString();
const line = (pem: string): string => pem.split("\n")[1] ?? "";
const malformed = (error: unknown): boolean => isKeywardError(error, "malformed");

test("the vectors' keys, their text and their ids", () => {
  const opened = parseRecipient(recipient.privatePem, "x");
  assert.equal(toHex(opened.privateKey.reveal()), recipient.privateKey);
  assert.equal(toHex(opened.publicKey), recipient.publicKey);
  assert.equal(recipientKeyId(opened.publicKey), recipient.keyId);
  assert.equal(text(formatRecipient(opened)), recipient.privatePem);
  const signing = parseWriter(writer.privatePem, "x");
  assert.equal(toHex(signing.seed.reveal()), writer.seed);
  assert.equal(toHex(signing.publicKey), writer.publicKey);
  assert.equal(writerKeyId(signing.publicKey), writer.keyId);
  assert.equal(text(formatWriter(signing)), writer.privatePem);
});

test("the base64 on one line, as a variable holds it, is a key too", () => {
  assert.deepEqual(
    parseRecipient(line(recipient.privatePem), "x"),
    parseRecipient(recipient.privatePem, "x"),
  );
  assert.equal(toHex(parseWriterPublicKey(` ${line(writer.publicPem)}\n`, "x")), writer.publicKey);
});

test("OpenSSL reads ours, and ours reads OpenSSL's", () => {
  const [r, w] = [generateRecipient(systemRandom), generateWriter(systemRandom)];
  assert.equal(createPrivateKey(text(formatRecipient(r))).asymmetricKeyType, "x25519");
  assert.equal(createPrivateKey(text(formatWriter(w))).asymmetricKeyType, "ed25519");
  assert.equal(createPublicKey(formatRecipientPublicKey(r.publicKey)).asymmetricKeyType, "x25519");
  assert.equal(createPublicKey(formatWriterPublicKey(w.publicKey)).asymmetricKeyType, "ed25519");
  const made = generateKeyPairSync("x25519");
  const pem = made.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const spki = made.publicKey.export({ type: "spki", format: "pem" }).toString();
  assert.deepEqual(parseRecipient(pem, "x").publicKey, parseRecipientPublicKey(spki, "x"));
});

test("a key of the wrong kind, cut, lengthened or in other dress is refused", () => {
  const good = line(recipient.publicPem);
  for (const wrong of [
    "",
    good.slice(0, -4),
    `${good.slice(0, -4)}VAAA`,
    line(writer.publicPem),
    line(recipient.privatePem),
    recipient.publicPem.replace("END PUBLIC", "END PRIVATE"),
    recipient.publicPem + recipient.publicPem,
    "-----BEGIN PUBLIC KEY-----",
    "A".repeat(5000),
  ])
    assert.throws(() => parseRecipientPublicKey(wrong, "x"), malformed, wrong);
  assert.throws(() => parseWriter(recipient.privatePem, "x"), malformed);
});

test("the id of a key depends on its role", () => {
  const key = parseRecipientPublicKey(recipient.publicPem, "x");
  assert.notEqual(recipientKeyId(key), writerKeyId(key as never));
});
