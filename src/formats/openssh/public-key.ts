/**
 * OpenSSH public keys: the blob (RFC 4253, section 6.6; RFC 5656, section 3.1; RFC 8709, section 4) and the
 * line that holds it in `authorized_keys` and `.pub` files.
 *
 *     ssh-ed25519           string name, string key (32 bytes)
 *     ssh-rsa               string name, mpint e, mpint n
 *     ecdsa-sha2-nistp256   string name, string "nistp256", string point (uncompressed, 65 bytes)
 *     ecdsa-sha2-nistp384   string name, string "nistp384", string point (uncompressed, 97 bytes)
 *     ecdsa-sha2-nistp521   string name, string "nistp521", string point (uncompressed, 133 bytes)
 *
 * Spec: docs/formats/openssh.md. Vectors: test/vectors/openssh/.
 */
import { concat, fromBase64, toBase64 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { sha256 } from "../../crypto/hash.ts";
import { createReader, mpint, type Reader, string } from "../ssh-wire.ts";

export type SshCurve = "p256" | "p384" | "p521";

/** Numbers are big-endian without zeros in front. */
export type SshPublicKey =
  | { readonly kind: "ed25519"; readonly key: Uint8Array }
  | { readonly kind: "rsa"; readonly e: Uint8Array; readonly n: Uint8Array }
  | { readonly kind: "ecdsa"; readonly curve: SshCurve; readonly point: Uint8Array };

export const curves = {
  p256: { name: "nistp256", scalarSize: 32 },
  p384: { name: "nistp384", scalarSize: 48 },
  p521: { name: "nistp521", scalarSize: 66 },
} as const;

/** Bytes: RSA of 1,024 to 16,384 bits, as OpenSSH has it. */
export const MIN_MODULUS = 128;
export const MAX_MODULUS = 2048;
export const MAX_COMMENT = 1024;
/** Bytes of a whole blob, and characters of a line. */
const MAX_BLOB = 4096;
const MAX_LINE = 8192;

/** `ssh-ed25519`, say. */
export function keyTypeOf(key: SshPublicKey): string {
  switch (key.kind) {
    case "ed25519":
      return "ssh-ed25519";
    case "rsa":
      return "ssh-rsa";
    case "ecdsa":
      return `ecdsa-sha2-${curves[key.curve].name}`;
  }
}

export function encodePublicKey(key: SshPublicKey): Uint8Array {
  const name = string(keyTypeOf(key));
  switch (key.kind) {
    case "ed25519":
      return concat(name, string(key.key));
    case "rsa":
      return concat(name, mpint(key.e), mpint(key.n));
    case "ecdsa":
      return concat(name, string(curves[key.curve].name), string(key.point));
  }
}

/** @throws KeywardError `malformed` */
export function decodePublicKey(blob: Uint8Array, what = "ssh public key"): SshPublicKey {
  if (blob.byteLength > MAX_BLOB) throw new KeywardError("malformed", `${what}: is too long`);
  const reader = createReader(blob, what);
  const key = readFields(reader, reader.text(64), what);
  reader.end();
  return key;
}

/** What follows the type in a blob. @param name - The type. */
export function readFields(reader: Reader, name: string, what: string): SshPublicKey {
  switch (name) {
    case "ssh-ed25519":
      return { kind: "ed25519", key: exactly(32, reader.string(32), what) };
    case "ssh-rsa":
      return assertRsa({ kind: "rsa", e: reader.mpint(8), n: reader.mpint(MAX_MODULUS) } as const, what);
    case "ecdsa-sha2-nistp256":
      return readPoint(reader, "p256", what);
    case "ecdsa-sha2-nistp384":
      return readPoint(reader, "p384", what);
    case "ecdsa-sha2-nistp521":
      return readPoint(reader, "p521", what);
    default:
      throw new KeywardError("malformed", `${what}: its type is not read here`, {
        hint: "ed25519, rsa, ecdsa nistp256, nistp384 and nistp521 are",
      });
  }
}

function readPoint(reader: Reader, curve: SshCurve, what: string): SshPublicKey {
  const { name, scalarSize } = curves[curve];
  if (reader.text(16) !== name) throw new KeywardError("malformed", `${what}: two curves are named`);
  return { kind: "ecdsa", curve, point: assertPoint(curve, reader.string(1 + 2 * scalarSize), what) };
}

/** Whether the point is on the curve is for whoever uses it. */
export function assertPoint(curve: SshCurve, point: Uint8Array, what: string): Uint8Array {
  if (point[0] === 4) return exactly(1 + 2 * curves[curve].scalarSize, point, what);
  throw new KeywardError("malformed", `${what}: the point is not uncompressed`);
}

export function assertRsa<K extends { readonly e: Uint8Array; readonly n: Uint8Array }>(
  key: K,
  what: string,
): K {
  const odd = ((key.e.at(-1) ?? 0) & 1) === 1 && ((key.n.at(-1) ?? 0) & 1) === 1;
  if (odd && key.n.byteLength >= MIN_MODULUS) return key;
  throw new KeywardError("malformed", `${what}: not an RSA key of 1024 bits or more`);
}

/** @param comment - One line; empty for none. */
export function formatPublicLine(key: SshPublicKey, comment = ""): string {
  const line = `${keyTypeOf(key)} ${toBase64(encodePublicKey(key))}`;
  return comment === "" ? line : `${line} ${parseComment(comment)}`;
}

/**
 * Without options in front (`from=`, `command=`), which belong to `authorized_keys`.
 *
 * @throws KeywardError `malformed`
 */
export function parsePublicLine(
  line: string,
  what = "ssh public key",
): { key: SshPublicKey; comment: string } {
  const match = line.length > MAX_LINE ? null : /^([a-z0-9-]+) ([A-Za-z0-9+/=]+)(?: (.+))?\n?$/.exec(line);
  const [, name, blob, comment = ""] = match ?? [];
  if (blob === undefined)
    throw new KeywardError("malformed", `${what}: want a type, a key in base64, a comment`);
  const key = decodePublicKey(fromBase64(blob, what), what);
  if (keyTypeOf(key) !== name) throw new KeywardError("malformed", `${what}: two types are named`);
  return { key, comment: parseComment(comment, what) };
}

/** As `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprintOf(key: SshPublicKey): string {
  return `SHA256:${toBase64(sha256(encodePublicKey(key))).replace(/=+$/, "")}`;
}

/** @throws KeywardError `malformed` for a line break, another control character, or more than 1,024 bytes. */
export function parseComment(comment: string, what = "ssh key"): string {
  if (!/\p{Cc}/u.test(comment) && comment.isWellFormed() && Buffer.byteLength(comment) <= MAX_COMMENT)
    return comment;
  throw new KeywardError("malformed", `${what}: the comment is not one short line`);
}

function exactly(size: number, bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.byteLength === size) return bytes;
  throw new KeywardError("malformed", `${what}: a field has the wrong length`);
}
