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
import { alphabetOf, type PasswordPolicy, readPassword } from "./password.ts";
import { readScalar } from "./scalar.ts";

export type { PasswordPolicy } from "./password.ts";

export const SEED_BYTES = 32;
export const MAX_RAW_BYTES = 1_048_576;

/** What a key is, and so how many bytes and which rules. */
export type Kind =
  /** An Ed25519 seed (RFC 8032), 32 bytes. */
  | { readonly kind: "ed25519" }
  /** A scalar, big-endian, 32 or 48 bytes. */
  | { readonly kind: "p256" }
  | { readonly kind: "p384" }
  /** Clamped (RFC 7748 section 5), 32 bytes. WireGuard's private keys are these. */
  | { readonly kind: "x25519" }
  | { readonly kind: "wireguard" }
  | { readonly kind: "raw"; readonly length: number }
  /** 64 random bytes: a volume key's slot can be made cheap. */
  | { readonly kind: "luks" }
  | { readonly kind: "password"; readonly policy: PasswordPolicy };

export interface Label {
  /** As the ledger has it; 1 to 1,024 bytes. */
  readonly realm: string;
  readonly kind: Kind;
  /** Parts the uses of one realm: `ssh-host`, say; may be empty. */
  readonly purpose: string;
  /** From 1. */
  readonly version: number;
}

/**
 * Derive one key.
 *
 * @param seed - 32 random bytes.
 * @returns Its bytes, as `Kind` says; a password as text.
 * @throws KeywardError `usage` when the label is out of bounds; nothing is derived from a wrong one.
 */
export function derive(seed: Secret, label: Label): Secret {
  assertLabel(seed, label);
  using key = Secret.take(hkdf(seed.reveal(), new Uint8Array(0), encodeLabel(label), 32));
  return read(openStream(key), label.kind);
}

/** Names a seed without telling it: 16 hexadecimal digits. */
export function seedId(seed: Secret): string {
  return toHex(hkdf(seed.reveal(), new Uint8Array(0), fields("keyward-1/seed-id"), 8));
}

export function encodeLabel({ realm, kind, purpose, version }: Label): Uint8Array {
  const length = kind.kind === "raw" ? kind.length : kind.kind === "password" ? kind.policy.length : "";
  const alphabet = kind.kind === "password" ? alphabetOf(kind.policy).join(" ") : "";
  return fields("keyward-1", realm, kind.kind, String(length), purpose, String(version), alphabet);
}

function assertLabel(seed: Secret, { realm, kind, purpose, version }: Label): void {
  const refuse = (what: string): KeywardError => new KeywardError("usage", `keyward-1: ${what}`);
  if (seed.length !== SEED_BYTES) throw refuse(`a seed has ${SEED_BYTES} bytes, not ${seed.length}`);
  const size = Buffer.byteLength(realm);
  if (size < 1 || size > 1024) throw refuse("a realm has 1 to 1,024 bytes");
  if (Buffer.byteLength(purpose) > 1024) throw refuse("a purpose has 1,024 bytes at most");
  if (!Number.isInteger(version) || version < 1 || version > 0xffff_ffff)
    throw refuse("versions count from 1");
  if (
    kind.kind === "raw" &&
    !(Number.isInteger(kind.length) && kind.length >= 1 && kind.length <= MAX_RAW_BYTES)
  ) {
    throw refuse(`raw has 1 to ${MAX_RAW_BYTES} bytes`);
  }
}

function read(stream: Stream, kind: Kind): Secret {
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
  }
}

function clamp(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint8(0, view.getUint8(0) & 248);
  view.setUint8(31, (view.getUint8(31) & 127) | 64);
  return bytes;
}
