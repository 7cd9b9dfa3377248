/** The public half of a derived key: what may be shown, sent and kept. */
import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { concat, fromBase64Url, toBase64, toHex, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { sha256 } from "../crypto/hash.ts";
import { wipe } from "../crypto/memory.ts";
import {
  fingerprintOf,
  formatPublicLine,
  publicKeyOf,
  type SshCurve,
  type SshPrivateKey,
  type SshPublicKey,
} from "../formats/openssh/openssh.ts";
import type { KeyEncoding } from "../model/realm.ts";
import { assertEncoding } from "./encodings.ts";
import { type PrivateKind, sshKeyOf } from "./private-key.ts";

export interface PublicHalf {
  /** SubjectPublicKeyInfo (RFC 5280). */
  readonly pem: string;
  readonly jwk: JsonWebKey;
  /** `SHA256:…`: as `ssh-keygen -l` prints it where SSH has the kind, else of SubjectPublicKeyInfo's DER. */
  readonly fingerprint: string;
  /** One line, as in `authorized_keys`; absent where SSH does not have the kind. */
  readonly openssh?: string;
  /** Ed25519 and X25519: 32 bytes. On a NIST curve: the uncompressed point. RSA: absent. */
  readonly raw?: Uint8Array;
  /** As `wg pubkey` prints it; for X25519. */
  readonly wireguard?: string;
}

/** @param comment - Ends the line for SSH: one line, may be empty. */
export function publicHalfOf(kind: PrivateKind, privateKey: KeyObject, comment: string): PublicHalf {
  const key = createPublicKey(privateKey);
  if (kind === "x25519" || kind === "wireguard") return halfOf(key, null, comment);
  const pair = sshKeyOf(kind, privateKey);
  try {
    return halfOf(key, publicKeyOf(pair), comment);
  } finally {
    wipeKey(pair);
  }
}

/**
 * A public half that came from elsewhere.
 *
 * @param spki - SubjectPublicKeyInfo, DER.
 * @throws KeywardError `malformed` when it is no public key of a kind that can be derived.
 */
export function readPublicHalf(spki: Uint8Array, comment = ""): PublicHalf {
  const refuse = (cause?: unknown): KeywardError =>
    new KeywardError("malformed", "public half: not one that can be derived", { cause });
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch (cause) {
    throw refuse(cause);
  }
  const ssh = sshPublicOf(key);
  if (ssh === undefined) throw refuse();
  return halfOf(key, ssh, comment);
}

/** `null` for X25519, which SSH does not have; `undefined` for what is never derived. */
function sshPublicOf(key: KeyObject): SshPublicKey | null | undefined {
  const { crv, x = "", y = "", n = "", e = "" } = key.export({ format: "jwk" });
  const bytes = (text: string): Uint8Array => fromBase64Url(text, "public half");
  switch (key.asymmetricKeyType) {
    case "x25519":
      return null;
    case "ed25519":
      return { kind: "ed25519", key: bytes(x) };
    case "rsa":
      return { kind: "rsa", e: bytes(e), n: bytes(n) };
    case "ec": {
      const curve = curveNames.get(crv ?? "");
      if (curve === undefined) return undefined;
      return { kind: "ecdsa", curve, point: concat(Uint8Array.of(4), bytes(x), bytes(y)) };
    }
    default:
      return undefined;
  }
}

const curveNames = new Map([
  ["P-256", "p256"],
  ["P-384", "p384"],
  ["P-521", "p521"],
] as const satisfies [string, SshCurve][]) as ReadonlyMap<string, SshCurve>;

function halfOf(key: KeyObject, ssh: SshPublicKey | null, comment: string): PublicHalf {
  const pem = key.export({ format: "pem", type: "spki" }).toString();
  const jwk = key.export({ format: "jwk" });
  if (ssh === null) {
    const spki = key.export({ format: "der", type: "spki" });
    const raw = new Uint8Array(spki.subarray(-32));
    const fingerprint = `SHA256:${toBase64(sha256(spki)).replace(/=+$/, "")}`;
    return { pem, jwk, fingerprint, raw, wireguard: toBase64(raw) };
  }
  const raw = pointOf(ssh);
  const openssh = formatPublicLine(ssh, comment);
  return { pem, jwk, fingerprint: fingerprintOf(ssh), openssh, ...(raw === undefined ? {} : { raw }) };
}

function pointOf(key: SshPublicKey): Uint8Array | undefined {
  if (key.kind === "rsa") return undefined;
  return key.kind === "ed25519" ? key.key : key.point;
}

/** Only the secret members: the public ones are in use. */
export function wipeKey(key: SshPrivateKey): void {
  if (key.kind === "ed25519") wipe(key.seed);
  else if (key.kind === "ecdsa") wipe(key.scalar);
  else wipe(key.d, key.p, key.q, key.iqmp);
}

/**
 * Lines and PEM end with a newline, values do not.
 *
 * @throws KeywardError `usage` when the kind is not written so.
 */
export function encodePublic(kind: PrivateKind, half: PublicHalf, encoding: KeyEncoding): Uint8Array {
  assertEncoding(kind, "public", encoding);
  const { pem, jwk, openssh, raw } = half;
  switch (encoding) {
    case "pem":
      return utf8(pem);
    case "jwk":
      return utf8(JSON.stringify(jwk));
    case "openssh":
    case "authorized-keys":
      return utf8(`${openssh}\n`);
    default:
      if (raw === undefined) throw new KeywardError("internal", `${kind} has no such public half`);
      return encoding === "raw" ? raw.slice() : utf8(encoding === "hex" ? toHex(raw) : toBase64(raw));
  }
}
