/** The public half of a derived key: what may be shown, sent and kept. */
import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { toBase64, toHex, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { sha256 } from "../crypto/hash.ts";
import { wipe } from "../crypto/memory.ts";
import {
  fingerprintOf,
  formatPublicLine,
  publicKeyOf,
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
  const pem = key.export({ format: "pem", type: "spki" }).toString();
  const jwk = key.export({ format: "jwk" });
  if (kind === "x25519" || kind === "wireguard") {
    const spki = key.export({ format: "der", type: "spki" });
    const raw = new Uint8Array(spki.subarray(-32));
    const fingerprint = `SHA256:${toBase64(sha256(spki)).replace(/=+$/, "")}`;
    return { pem, jwk, fingerprint, raw, wireguard: toBase64(raw) };
  }
  const pair = sshKeyOf(kind, privateKey);
  const ssh = publicKeyOf(pair);
  const raw = pointOf(ssh);
  const openssh = formatPublicLine(ssh, comment);
  wipeKey(pair);
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
