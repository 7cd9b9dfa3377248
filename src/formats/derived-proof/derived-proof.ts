/**
 * derived-proof v1: that a node has a derived key, told to a server that does not know its value.
 *
 *     message = fields("keyward/v1/derived-proof", challenge, node, key, version in decimal,
 *                      seed, generation in decimal, tag, public half)
 *
 *     kind               public half          proof
 *     ed25519            SPKI, DER            Ed25519 (RFC 8032) of the message, 64 bytes
 *     p256, p384, p521   SPKI, DER            ECDSA with SHA-256, 384, 512 of the message: r then s, 64, 96, 132 bytes
 *     x25519, wireguard  SPKI, DER            HMAC-SHA-256 of the message under the tag's 16 bytes
 *     rsa2048, rsa4096   SPKI, DER            as above: making RSA again takes seconds
 *     all others         none: zero bytes     as above
 *
 * The message begins with a length and Keyward's own label, so that no protocol in which the key is used for
 * something else signs such bytes.
 *
 * Spec: docs/formats/derived-proof.md. Vectors: test/vectors/derived-proof/.
 */
import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { fields, fromBase64, fromHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { hmacSha256, verifyMac } from "../../crypto/mac.ts";
import type { ShownSeed } from "../../model/grant.ts";
import type { RealmKind } from "../../model/realm.ts";

type Kind = RealmKind["kind"];

/** What the proof is of. */
export interface DerivedProofOf {
  readonly node: string;
  readonly key: string;
  readonly version: number;
  readonly shown: ShownSeed;
}

/** Characters of base64: an RSA key of 4,096 bits has 736. */
const MAX_PUBLIC = 1024;

const hashes = { ed25519: null, p256: "sha256", p384: "sha384", p521: "sha512" } as const;
const curves = { p256: "prime256v1", p384: "secp384r1", p521: "secp521r1" } as const;
const bits = { rsa2048: 2048, rsa4096: 4096 } as const;

/** Is a proof of this kind a signature, so that making it takes the private key? */
export function signs(kind: Kind): kind is keyof typeof hashes {
  return Object.hasOwn(hashes, kind);
}

/**
 * @param challenge - 32 bytes, the server's.
 * @param privateKey - Of kinds that sign; not looked at for others.
 * @returns 32 to 132 bytes.
 */
export function proveDerived(
  challenge: Uint8Array,
  kind: Kind,
  of: DerivedProofOf,
  privateKey?: KeyObject,
): Uint8Array {
  const message = messageOf(challenge, of);
  if (!signs(kind)) return hmacSha256(fromHex(of.shown.tag, "tag"), message);
  if (privateKey === undefined) throw new KeywardError("internal", `a proof of ${kind} is a signature`);
  return sign(hashes[kind], message, { key: privateKey, dsaEncoding: "ieee-p1363" });
}

/** Whatever is shown: `false` for a public half that is not one of the kind, and for a tag that is no tag. */
export function isDerivedProof(
  proof: Uint8Array,
  challenge: Uint8Array,
  kind: Kind,
  of: DerivedProofOf,
): boolean {
  const { tag, public: half } = of.shown;
  if (!/^[0-9a-f]{32}$/.test(tag)) return false;
  const key = half === undefined ? null : readPublic(kind, half);
  if (hasPublic(kind) ? key === null : half !== undefined) return false;
  const message = messageOf(challenge, of);
  if (!signs(kind)) return verifyMac(proof, fromHex(tag, "tag"), message);
  return key !== null && verify(hashes[kind], message, { key, dsaEncoding: "ieee-p1363" }, proof);
}

/**
 * A public half as it is shown.
 *
 * @param base64 - Of SubjectPublicKeyInfo (RFC 5280), DER.
 * @returns `null` unless it is one of this kind, and nothing but that.
 */
export function readPublic(kind: Kind, base64: string): KeyObject | null {
  if (base64.length > MAX_PUBLIC) return null;
  try {
    const der = fromBase64(base64, "public half");
    const key = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
    const same = Buffer.compare(key.export({ format: "der", type: "spki" }), der) === 0;
    return same && isOfKind(kind, key) ? key : null;
  } catch {
    return null;
  }
}

function hasPublic(kind: Kind): boolean {
  return !["raw", "luks", "password", "pass"].includes(kind);
}

function isOfKind(kind: Kind, { asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  switch (kind) {
    case "ed25519":
      return asymmetricKeyType === "ed25519";
    case "x25519":
    case "wireguard":
      return asymmetricKeyType === "x25519";
    case "p256":
    case "p384":
    case "p521":
      return asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === curves[kind];
    case "rsa2048":
    case "rsa4096":
      return asymmetricKeyType === "rsa" && asymmetricKeyDetails?.modulusLength === bits[kind];
    default:
      return false;
  }
}

function messageOf(challenge: Uint8Array, { node, key, version, shown }: DerivedProofOf): Uint8Array {
  const { seed, generation, tag, public: half } = shown;
  const counted = [String(version), seed, String(generation), tag] as const;
  const spki = half === undefined ? new Uint8Array(0) : fromBase64(half, "public half");
  return fields("keyward/v1/derived-proof", challenge, node, key, ...counted, spki);
}
