/**
 * gokey: passwords and private keys from a master password, an optional seed and a realm; nothing is stored.
 *
 *     label      = UTF-8(realm) ‖ suffix of the kind
 *     stream key = without a seed: PBKDF2-HMAC-SHA-256(password, label, 4096, 32)
 *                  with a seed:    HKDF-SHA-256(N ‖ P ‖ T, salt N ‖ T, info label, 32); see seed.ts
 *     stream     = AES-256-CTR(stream key) over zeros; see crypto/stream.ts
 *     result     = read from the stream, by kind
 *
 * Output equals gokey's to the byte, the PEM included. Two derivations exist with a seed, `0.1` and `0.2`;
 * without one they are the same.
 *
 * Source: github.com/cloudflare/gokey. Page: docs/formats/gokey.md. Vectors: test/vectors/gokey/.
 */
import { concat, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { openStream, type Stream } from "../../crypto/stream.ts";
import { readPassword } from "./password.ts";
import { createExpander, type Derivation, openSeed, type SeedMaterial, stretch } from "./seed.ts";

export { type Derivation, makeSeed, openSeed, type SeedMaterial } from "./seed.ts";

/** What follows the realm in the label. No suffix ends another one, so no two kinds share a label. */
const suffixes = {
  pass: utf8("-pass"),
  raw: utf8("-raw"),
  ec256: utf8("-key(EC256)"),
  ec384: utf8("-key(EC384)"),
  ec521: utf8("-key(EC521)"),
  rsa2048: utf8("-key(RSA2048)"),
  rsa4096: utf8("-key(RSA4096)"),
  x25519: utf8("-key(X25519)"),
  ed25519: utf8("-key(ED25519)"),
} as const;

export type Kind = keyof typeof suffixes;
export const kinds = Object.keys(suffixes) as readonly Kind[];

export const MAX_RAW_BYTES = 16_777_216;

export interface Request {
  /** Bytes as they are, a text in UTF-8: no trimming, no normalisation. */
  readonly realm: string | Uint8Array;
  readonly kind: Kind;
  /** Characters of a password (10), bytes of raw (32); keys have none. */
  readonly length?: number;
}

/** Where stream keys come from: a password alone, or an opened seed. */
export interface Source {
  streamKey(label: Uint8Array): Secret;
  /** A password alone is a weak source: raw bytes and keys need `allowUnsafe`. */
  readonly strong: boolean;
}

export function fromPassword(password: Secret): Source {
  return { streamKey: (label) => stretch(password, label), strong: false };
}

export function fromSeed(material: SeedMaterial): Source {
  return { streamKey: createExpander(material), strong: true };
}

/** @throws KeywardError as `openSeed` does. */
export function fromSeedFile(seed: Uint8Array, password: Secret, derivation: Derivation): Source {
  return fromSeed(openSeed(seed, password, derivation));
}

export interface Options {
  /** Raw bytes and keys from a password alone: whoever guesses it has them. */
  readonly allowUnsafe?: boolean;
  /** Ends the search for RSA primes, which takes 0.1 s to 10 s. */
  readonly signal?: AbortSignal;
}

/**
 * Derive one secret.
 *
 * @returns A password without a newline, raw bytes, or PEM text.
 * @throws KeywardError `usage` for an empty realm, a length that the kind does not take, or a weak source.
 */
export async function derive(source: Source, request: Request, options: Options = {}): Promise<Secret> {
  return await deriveNow(source, request, options);
}

/** At once, but for keys. */
function deriveNow(source: Source, request: Request, options: Options): Secret | Promise<Secret> {
  assertRequest(source, request, options);
  using key = source.streamKey(concat(bytesOf(request.realm), suffixes[request.kind]));
  return read(openStream(key), request, options.signal);
}

function bytesOf(realm: string | Uint8Array): Uint8Array {
  return typeof realm === "string" ? utf8(realm) : realm;
}

/** Derive several from one source. A seed has been opened once, so this costs one PBKDF2 for all. */
export async function deriveMany(
  source: Source,
  requests: readonly Request[],
  options: Options = {},
): Promise<Secret[]> {
  return Promise.all(requests.map((request) => deriveNow(source, request, options)));
}

function assertRequest(source: Source, { realm, kind, length }: Request, options: Options): void {
  if (realm.length === 0) throw new KeywardError("usage", "no realm provided");
  if (kind !== "pass" && !source.strong && !options.allowUnsafe) {
    throw new KeywardError("usage", "generating keys without strong seed is not allowed");
  }
  if (length === undefined) return;
  if (kind !== "pass" && kind !== "raw")
    throw new KeywardError("usage", `key type ${kind} does not support length parameter`);
  if (!Number.isInteger(length) || length <= 0 || length > MAX_RAW_BYTES)
    throw new KeywardError("usage", "invalid length parameter");
}

/** What a password does not need is loaded by whoever does. */
function read(stream: Stream, { kind, length }: Request, signal?: AbortSignal): Secret | Promise<Secret> {
  switch (kind) {
    case "pass":
      return readPassword(stream, length ?? 10);
    case "raw":
      return Secret.take(stream.read(length ?? 32));
    case "ec256":
    case "ec384":
    case "ec521":
      return import("./curve.ts").then((curve) => curve.readCurveKey(stream, kind));
    case "rsa2048":
      return import("./rsa.ts").then((rsa) => rsa.readRsaKey(stream, 2048, signal));
    case "rsa4096":
      return import("./rsa.ts").then((rsa) => rsa.readRsaKey(stream, 4096, signal));
    case "x25519":
    case "ed25519":
      return import("./curve.ts").then((curve) => curve.readEdwardsKey(stream, kind));
  }
}
