/**
 * Keys on curves from a stream. X25519 and Ed25519 take 32 bytes; the NIST curves take the order's bits plus
 * 64 and reduce them (FIPS 186-4 B.4.1), as Go did up to 1.19.
 *
 * Source: gokey, ecdsa and keys.go. Vectors: test/vectors/gokey/ec*.json, x25519.json, ed25519.json.
 */
import { createECDH, createPrivateKey } from "node:crypto";
import { concat, fromHex, toBase64, toBase64Url } from "../../base/bytes.ts";
import { Secret } from "../../base/secret.ts";
import type { Stream } from "../../crypto/stream.ts";
import { fromNumber, toNumber } from "./number.ts";

interface Curve {
  readonly jwk: string;
  readonly ecdh: string;
  /** Bytes read: floor(bits / 8) + 8. */
  readonly read: number;
  /** Bytes of the scalar and of each coordinate. */
  readonly size: number;
  readonly order: bigint;
}

export const curves = {
  ec256: {
    jwk: "P-256",
    ecdh: "prime256v1",
    read: 40,
    size: 32,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  ec384: {
    jwk: "P-384",
    ecdh: "secp384r1",
    read: 56,
    size: 48,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  ec521: {
    jwk: "P-521",
    ecdh: "secp521r1",
    read: 73,
    size: 66,
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
} as const satisfies Record<string, Curve>;

/** PEM `EC PRIVATE KEY` (SEC 1, RFC 5915). */
export function readCurveKey(stream: Stream, kind: keyof typeof curves): Secret {
  const curve = curves[kind];
  const scalar = (toNumber(stream.read(curve.read)) % (curve.order - 1n)) + 1n;
  const d = fromNumber(scalar, curve.size);
  const ecdh = createECDH(curve.ecdh);
  ecdh.setPrivateKey(d);
  const point = ecdh.getPublicKey();
  const key = createPrivateKey({
    format: "jwk",
    key: {
      kty: "EC",
      crv: curve.jwk,
      d: toBase64Url(d),
      x: toBase64Url(point.subarray(1, 1 + curve.size)),
      y: toBase64Url(point.subarray(1 + curve.size)),
    },
  });
  d.fill(0);
  return Secret.fromText(key.export({ format: "pem", type: "sec1" }).toString());
}

/** PKCS#8 version 0 around 32 key bytes (RFC 8410 section 7), up to those bytes. */
const prefixes = {
  x25519: fromHex("302e020100300506032b656e04220420", "x25519 prefix"),
  ed25519: fromHex("302e020100300506032b657004220420", "ed25519 prefix"),
} as const;

/** PEM `PRIVATE KEY` (PKCS#8). An X25519 key is stored clamped (RFC 7748 section 5). */
export function readEdwardsKey(stream: Stream, kind: keyof typeof prefixes): Secret {
  const bytes = stream.read(32);
  if (kind === "x25519") {
    bytes[0] = (bytes[0] as number) & 248;
    bytes[31] = ((bytes[31] as number) & 127) | 64;
  }
  using der = Secret.take(concat(prefixes[kind], bytes));
  bytes.fill(0);
  // 48 bytes are one full line; a key object would cost a seventh of the whole derivation.
  return Secret.fromText(
    `-----BEGIN PRIVATE KEY-----\n${toBase64(der.reveal())}\n-----END PRIVATE KEY-----\n`,
  );
}
