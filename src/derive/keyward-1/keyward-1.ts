/**
 * keyward-1: keys from a random seed of 32 bytes and a label that says which.
 *
 *     label      = fields("keyward-1", realm, kind, length, purpose, version, alphabet)
 *     stream key = HKDF-SHA-256 (RFC 5869): input the seed, salt empty, info the label, 32 bytes
 *     stream     = AES-256-CTR(stream key) over zeros; see crypto/stream.ts
 *     result     = read from the stream, by kind
 *
 * `fields` puts each field's length before it, so no two labels are the same bytes. Numbers are in decimal;
 * `length` is empty for kinds of one size, `alphabet` for all but passwords. Seeds are random, so there is
 * nothing to stretch; what protects a seed at rest is its envelope.
 *
 * Page: docs/formats/keyward-1.md. Vectors: test/vectors/keyward-1/.
 */
import { fields, toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { hkdf } from "../../crypto/hkdf.ts";
import { openStream, type Stream } from "../../crypto/stream.ts";
import type { Derivation, RealmKind } from "../../model/realm.ts";
import { alphabetOf, readPassword } from "./password.ts";
import { readScalar } from "./scalar.ts";

export const SEED_BYTES = 32;
export const MAX_RAW_BYTES = 1_048_576;

/** All that stands in a label, and so all that a key follows from beside the seed. */
export interface Label extends Omit<Derivation, "scheme"> {
  /** From 1. */
  readonly version: number;
}

/** The others are gokey's. */
export const kinds: readonly RealmKind["kind"][] = [
  "ed25519",
  "p256",
  "p384",
  "x25519",
  "wireguard",
  "raw",
  "luks",
  "password",
];

/**
 * Derive one key.
 *
 * @param seed - 32 random bytes.
 * @returns Its bytes, as `RealmKind` says; a password as text.
 * @throws KeywardError `usage` when the label is out of bounds, or its kind is gokey's; nothing is derived
 *   from a wrong one.
 */
export function derive(seed: Secret, label: Label): Secret {
  assertSeed(seed);
  using key = Secret.take(hkdf(seed.reveal(), new Uint8Array(0), encodeLabel(label), 32));
  return read(openStream(key), label.kind);
}

/** Names a seed without telling it: 16 hexadecimal digits. */
export function seedId(seed: Secret): string {
  assertSeed(seed);
  return toHex(hkdf(seed.reveal(), new Uint8Array(0), fields("keyward-1/seed-id"), 8));
}

/**
 * Says which key of a seed, and nothing of the key or the seed: 32 hexadecimal digits, the same for the same
 * seed and label.
 *
 * @throws KeywardError as `derive`.
 */
export function keyTag(seed: Secret, label: Label): string {
  assertSeed(seed);
  const info = fields("keyward-1/key-tag", encodeLabel(label));
  return toHex(hkdf(seed.reveal(), new Uint8Array(0), info, 16));
}

/** @throws KeywardError `usage` when it is out of bounds, or its kind is gokey's. */
export function encodeLabel(label: Label): Uint8Array {
  assertLabel(label);
  const { realm, kind, purpose, version } = label;
  const length = kind.kind === "raw" ? kind.length : kind.kind === "password" ? kind.policy.length : "";
  const alphabet = kind.kind === "password" ? alphabetOf(kind.policy).join(" ") : "";
  return fields("keyward-1", realm, kind.kind, String(length), purpose, String(version), alphabet);
}

function assertSeed(seed: Secret): void {
  if (seed.length !== SEED_BYTES) throw refusal(`a seed has ${SEED_BYTES} bytes, not ${seed.length}`);
}

function assertLabel({ realm, kind, purpose, version }: Label): void {
  if (!kinds.includes(kind.kind)) throw refusal(`does not derive ${kind.kind}`);
  if (bytesOf(realm) < 1 || bytesOf(realm) > 1024) throw refusal("a realm has 1 to 1,024 bytes");
  if (bytesOf(purpose) > 1024) throw refusal("a purpose has 1,024 bytes at most");
  // Half a surrogate pair has no bytes of its own: two texts would be one label.
  if (!realm.isWellFormed() || !purpose.isWellFormed()) throw refusal("realm and purpose are Unicode text");
  if (!isWhole(version, 0xffff_ffff)) throw refusal("versions count from 1");
  if (kind.kind === "raw" && !isWhole(kind.length, MAX_RAW_BYTES))
    throw refusal(`raw has 1 to ${MAX_RAW_BYTES} bytes`);
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

function refusal(what: string): KeywardError {
  return new KeywardError("usage", `keyward-1: ${what}`);
}

function read(stream: Stream, kind: RealmKind): Secret {
  switch (kind.kind) {
    case "ed25519":
      return Secret.take(stream.read(32));
    case "p256":
    case "p384":
      return readScalar(stream, kind.kind);
    case "x25519":
    case "wireguard":
      return Secret.take(clamp(stream.read(32)));
    case "raw":
      return Secret.take(stream.read(kind.length));
    case "luks":
      return Secret.take(stream.read(64));
    case "password":
      return readPassword(stream, kind.policy);
    case "p521":
    case "rsa2048":
    case "rsa4096":
    case "pass":
      throw refusal(`does not derive ${kind.kind}`);
  }
}

function clamp(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint8(0, view.getUint8(0) & 248);
  view.setUint8(31, (view.getUint8(31) & 127) | 64);
  return bytes;
}
