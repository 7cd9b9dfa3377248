/**
 * Derived keys as programs read them. The same key is always the same bytes, so that a file tells whether it is
 * current.
 */
import type { KeyObject } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { sha256 } from "../crypto/hash.ts";
import { encodeBase64, encodeHex, encodePem } from "../formats/armor.ts";
import { encodePrivateKey, encodePublicKey, publicKeyOf } from "../formats/openssh/openssh.ts";
import type { Derivation, KeyEncoding } from "../model/realm.ts";
import { assertEncoding } from "./encodings.ts";
import { derOf, isPrivateKind, keyObjectOf, type PrivateKind, rawOf, sshKeyOf } from "./private-key.ts";
import { encodePublic, type PublicHalf, publicHalfOf, wipeKey } from "./public-half.ts";

export { defaultEncoding, encodingsOf } from "./encodings.ts";
export type { PublicHalf } from "./public-half.ts";

/** What of a derivation says how its value is to be read. */
export type What = Pick<Derivation, "scheme" | "kind">;

/**
 * Lines, PEM and OpenSSH's files end with a newline; values (raw, hex, base64, text, JWK) do not.
 *
 * @param value - What the derivation gave; see derive/opened.ts.
 * @param comment - For OpenSSH: one line, may be empty.
 * @returns The file or the value, which the caller wipes. `authorized-keys` is the public half.
 * @throws KeywardError `usage` when the kind is not written so; `malformed` when the value is not of the kind.
 */
export function encodeKey(what: What, value: Secret, encoding: KeyEncoding, comment = ""): Secret {
  const { kind } = what.kind;
  if (encoding === "authorized-keys") return Secret.take(encodePublicHalf(what, value, encoding, comment));
  assertEncoding(kind, "secret", encoding);
  if (!isPrivateKind(kind)) return encodeBytes(value, encoding);
  // gokey's own PEM stays as it is, to the byte.
  if (what.scheme !== "keyward-1" && encoding === "pem") return Secret.copy(value.reveal());
  return encodePrivate(kind, keyObjectOf(what.scheme, kind, value), encoding, comment);
}

function encodePrivate(kind: PrivateKind, key: KeyObject, encoding: KeyEncoding, comment: string): Secret {
  switch (encoding) {
    case "pem": {
      using der = derOf(key, "pkcs8");
      return Secret.take(encodePem("PRIVATE KEY", der.reveal(), 64));
    }
    case "openssh":
      return encodeOpenssh(kind, key, comment);
    case "jwk":
      return Secret.fromText(JSON.stringify(key.export({ format: "jwk" })));
    default: {
      using raw = rawOf(kind, key);
      return encodeBytes(raw, encoding);
    }
  }
}

/** The check numbers, random in ssh-keygen's files, follow from the public half: they protect nothing. */
function encodeOpenssh(kind: PrivateKind, key: KeyObject, comment: string): Secret {
  const pair = sshKeyOf(kind, key);
  const hash = sha256(encodePublicKey(publicKeyOf(pair)));
  const check = new DataView(hash.buffer, hash.byteOffset).getUint32(0);
  try {
    return encodePrivateKey(pair, comment, check);
  } finally {
    wipeKey(pair);
  }
}

function encodeBytes(value: Secret, encoding: KeyEncoding): Secret {
  switch (encoding) {
    case "hex":
      return Secret.take(encodeHex(value.reveal()));
    case "base64":
      return Secret.take(encodeBase64(value.reveal()));
    default:
      return Secret.copy(value.reveal());
  }
}

/**
 * @returns `null` for kinds without a public half: bytes and passwords.
 * @throws KeywardError `malformed` when the value is not of the kind.
 */
export function publicHalf(what: What, value: Secret, comment = ""): PublicHalf | null {
  const { kind } = what.kind;
  if (!isPrivateKind(kind)) return null;
  return publicHalfOf(kind, keyObjectOf(what.scheme, kind, value), comment);
}

/** @throws KeywardError `usage` when there is no public half, or it is not written so; `malformed` */
export function encodePublicHalf(what: What, value: Secret, encoding: KeyEncoding, comment = ""): Uint8Array {
  const { kind } = what.kind;
  assertEncoding(kind, "public", encoding);
  const half = publicHalf(what, value, comment);
  if (half === null || !isPrivateKind(kind)) throw new KeywardError("usage", `${kind} has no public half`);
  return encodePublic(kind, half, encoding);
}
