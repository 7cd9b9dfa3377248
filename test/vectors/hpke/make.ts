/** Makes envelope-v1.json: `node test/vectors/hpke/make.ts > test/vectors/hpke/envelope-v1.json`. */
import { toHex, utf8 } from "../../../src/base/bytes.ts";
import type { Secret } from "../../../src/base/secret.ts";
import type { HpkeAead } from "../../../src/crypto/hpke.ts";
import { sealEnvelope } from "../../../src/formats/hpke/hpke.ts";
import {
  formatRecipient,
  formatRecipientPublicKey,
  formatWriter,
  formatWriterPublicKey,
  generateRecipient,
  generateWriter,
  recipientKeyId,
  writerKeyId,
} from "../../../src/formats/hpke/keys.ts";

const counting = (from: number) => (length: number) => Uint8Array.from({ length }, (_, i) => from + i);
const text = (secret: Secret): string => Buffer.from(secret.reveal()).toString();
const recipient = generateRecipient(counting(0x20));
const writer = generateWriter(counting(0x80));
const ephemeral = counting(0x40);

const values: readonly [string, HpkeAead, string, string, Uint8Array][] = [
  ["a password", "aes-256-gcm", "prod", "DB_PASSWORD", utf8("correct horse battery staple")],
  ["the same with the other cipher", "chacha20-poly1305", "prod", "DB_PASSWORD", utf8("correct horse battery staple")],
  ["an empty value", "aes-256-gcm", "prod", "EMPTY", utf8("")],
  ["no variable: a file or an argument", "aes-256-gcm", "prod", "", utf8("x\n")],
  ["names beyond ASCII", "aes-256-gcm", "łódź/żółw", "hasło", utf8("ż")],
  ["every byte", "chacha20-poly1305", "dev", "BYTES", Uint8Array.from({ length: 256 }, (_, i) => i)],
  ["two thousand bytes", "aes-256-gcm", "dev", "LONG", new Uint8Array(2000).fill(0x61)],
];

const cases = values.map(([shows, aead, environment, variable, value]) => ({
  shows,
  aead,
  environment,
  variable,
  value: toHex(value),
  envelope: sealEnvelope(
    { recipient: recipient.publicKey, writer, place: { environment, variable }, aead },
    ephemeral,
    value,
  ),
}));

const first = cases[0]?.envelope ?? "";
const swap = (at: number): string => first.slice(0, at) + (first[at] === "A" ? "B" : "A") + first.slice(at + 1);
const refused = [
  { shows: "another environment", environment: "dev", variable: "DB_PASSWORD", envelope: first },
  { shows: "another variable", environment: "prod", variable: "DB_PASSWORD2", envelope: first },
  { shows: "no variable", environment: "prod", variable: "", envelope: first },
  { shows: "environment and variable joined otherwise", environment: "prodDB", variable: "_PASSWORD", envelope: first },
  { shows: "version 2", environment: "prod", variable: "DB_PASSWORD", envelope: `${first.slice(0, 9)}AgAC${first.slice(13)}` },
  { shows: "AES-128-GCM", environment: "prod", variable: "DB_PASSWORD", envelope: `${first.slice(0, 9)}AQAB${first.slice(13)}` },
  { shows: "a changed recipient id", environment: "prod", variable: "DB_PASSWORD", envelope: swap(16) },
  { shows: "a changed writer id", environment: "prod", variable: "DB_PASSWORD", envelope: swap(26) },
  { shows: "a changed enc", environment: "prod", variable: "DB_PASSWORD", envelope: swap(40) },
  { shows: "a changed ciphertext", environment: "prod", variable: "DB_PASSWORD", envelope: swap(85) },
  { shows: "a changed signature", environment: "prod", variable: "DB_PASSWORD", envelope: swap(first.length - 12) },
  { shows: "a cut signature", environment: "prod", variable: "DB_PASSWORD", envelope: `${first.slice(0, -5)}]` },
  { shows: "base64 without padding", environment: "prod", variable: "EMPTY", envelope: (cases[2]?.envelope ?? "").replace(/=+\]$/, "]") },
];

const origin =
  "made by make.ts of this folder; see docs/formats/hpke.md. The ephemeral private key of every case is `ephemeral`. " +
  "Opened with these two keys and the place that each names, every one of `refused` must fail.";
console.log(
  JSON.stringify(
    {
      origin,
      ephemeral: toHex(ephemeral(32)),
      recipient: {
        privateKey: toHex(recipient.privateKey.reveal()),
        publicKey: toHex(recipient.publicKey),
        keyId: recipientKeyId(recipient.publicKey),
        privatePem: text(formatRecipient(recipient)),
        publicPem: formatRecipientPublicKey(recipient.publicKey),
      },
      writer: {
        seed: toHex(writer.seed.reveal()),
        publicKey: toHex(writer.publicKey),
        keyId: writerKeyId(writer.publicKey),
        privatePem: text(formatWriter(writer)),
        publicPem: formatWriterPublicKey(writer.publicKey),
      },
      cases,
      refused,
    },
    null,
    1,
  ),
);
