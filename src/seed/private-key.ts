/**
 * A derived private key in the forms that encodings are made of. What schemes give differs: keyward-1 the key's
 * bytes, gokey PEM text.
 */
import { createECDH, createPrivateKey, type KeyObject } from "node:crypto";
import { toBase64Url } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { x25519ToPkcs8 } from "../crypto/agree.ts";
import { ed25519PublicKey, ed25519ToPkcs8 } from "../crypto/sign.ts";
import {
  ecdsaFromSec1,
  rsaFromPkcs1,
  type SshCurve,
  type SshPrivateKey,
} from "../formats/openssh/openssh.ts";
import type { Derivation, RealmKind } from "../model/realm.ts";

export type PrivateKind = Exclude<RealmKind["kind"], "raw" | "luks" | "password" | "pass">;

/** The other kinds are bytes or text. */
export function isPrivateKind(kind: RealmKind["kind"]): kind is PrivateKind {
  return kind !== "raw" && kind !== "luks" && kind !== "password" && kind !== "pass";
}

const curves = {
  p256: { jwk: "P-256", openssl: "prime256v1", size: 32 },
  p384: { jwk: "P-384", openssl: "secp384r1", size: 48 },
  p521: { jwk: "P-521", openssl: "secp521r1", size: 66 },
} as const;

/**
 * The runtime's key object. It is short-lived, because its memory cannot be wiped at will.
 *
 * @param value - What the derivation gave.
 * @throws KeywardError `malformed` when the value is not what this derivation gives.
 */
export function keyObjectOf(scheme: Derivation["scheme"], kind: PrivateKind, value: Secret): KeyObject {
  const refuse = (cause?: unknown): KeywardError =>
    new KeywardError("malformed", `derived key: is not of kind ${kind}`, { cause });
  let key: KeyObject;
  try {
    key = scheme === "keyward-1" ? fromBytes(kind, value.reveal()) : fromPem(value.reveal());
  } catch (cause) {
    throw refuse(cause);
  }
  if (!isOfKind(key, kind)) throw refuse();
  return key;
}

function fromBytes(kind: PrivateKind, bytes: Uint8Array): KeyObject {
  switch (kind) {
    case "ed25519":
      return fromPkcs8(ed25519ToPkcs8(bytes));
    case "x25519":
    case "wireguard":
      return fromPkcs8(x25519ToPkcs8(bytes));
    case "p256":
    case "p384":
    case "p521":
      return fromScalar(kind, bytes);
    case "rsa2048":
    case "rsa4096":
      throw new KeywardError("usage", `keyward-1: does not derive ${kind}`);
  }
}

function fromPkcs8(der: Uint8Array<ArrayBuffer>): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der.buffer), format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}

function fromScalar(curve: SshCurve, scalar: Uint8Array): KeyObject {
  const { jwk: crv, openssl, size } = curves[curve];
  if (scalar.byteLength !== size) throw new KeywardError("malformed", `${curve}: a scalar has ${size} bytes`);
  const ecdh = createECDH(openssl);
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  const x = toBase64Url(point.subarray(1, 1 + size));
  const y = toBase64Url(point.subarray(1 + size));
  return createPrivateKey({ format: "jwk", key: { kty: "EC", crv, d: toBase64Url(scalar), x, y } });
}

function fromPem(pem: Uint8Array): KeyObject {
  return createPrivateKey(Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength));
}

function isOfKind({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, kind: PrivateKind) {
  switch (kind) {
    case "ed25519":
    case "x25519":
      return type === kind;
    case "wireguard":
      return type === "x25519";
    case "p256":
    case "p384":
    case "p521":
      return type === "ec" && details?.namedCurve === curves[kind].openssl;
    case "rsa2048":
    case "rsa4096":
      return type === "rsa" && details?.modulusLength === (kind === "rsa2048" ? 2048 : 4096);
  }
}

/**
 * The seed or the scalar alone, as keyward-1 gives it. The caller wipes it.
 *
 * @throws KeywardError `usage` for RSA, which is more than a row of bytes.
 */
export function rawOf(kind: PrivateKind, key: KeyObject): Secret {
  switch (kind) {
    case "ed25519":
    case "x25519":
    case "wireguard": {
      using der = derOf(key, "pkcs8");
      return Secret.copy(der.reveal().subarray(-32));
    }
    default: {
      const pair = sshKeyOf(kind, key);
      if (pair.kind === "ecdsa") return Secret.take(pair.scalar);
      throw new KeywardError("usage", `a key of kind ${kind} is more than a row of bytes`);
    }
  }
}

/**
 * For OpenSSH. The caller wipes its secret members.
 *
 * @throws KeywardError `usage` for X25519, which signs nothing.
 */
export function sshKeyOf(kind: PrivateKind, key: KeyObject): SshPrivateKey {
  switch (kind) {
    case "ed25519": {
      const seed = rawOf(kind, key).reveal();
      return { kind, seed, key: ed25519PublicKey(seed) };
    }
    case "p256":
    case "p384":
    case "p521": {
      using der = derOf(key, "sec1");
      return ecdsaFromSec1(der.reveal(), kind);
    }
    case "rsa2048":
    case "rsa4096": {
      using der = derOf(key, "pkcs1");
      return rsaFromPkcs1(der.reveal());
    }
    case "x25519":
    case "wireguard":
      throw new KeywardError("usage", `ssh has no keys of kind ${kind}`);
  }
}

export function derOf(key: KeyObject, type: "pkcs8" | "sec1" | "pkcs1"): Secret {
  return Secret.take(key.export({ format: "der", type }));
}
