/**
 * OpenSSH private keys without a passphrase: "openssh-key-v1" (OpenSSH's PROTOCOL.key), in PEM with lines of 70.
 *
 *     bytes      field
 *     15         "openssh-key-v1", NUL
 *     string     cipher, "none"
 *     string     key derivation, "none"
 *     string     its options, empty
 *     uint32     number of keys, 1
 *     string     the public key's blob
 *     string     the private part, in whole blocks of 8:
 *         uint32   check, random
 *         uint32   the same check
 *         string   type, then the fields of `encodeFields`
 *         string   comment
 *         0 to 7   padding: 1, 2, 3 …
 *
 * Spec: docs/formats/openssh.md. Vectors: test/vectors/openssh/.
 */
import { concat, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { ownCopy, wipe } from "../../crypto/memory.ts";
import { ed25519PublicKey } from "../../crypto/sign.ts";
import { decodePem, encodePem } from "../armor.ts";
import { createReader, mpint, type Reader, string, uint32, withoutZeros } from "../ssh-wire.ts";
import {
  assertPoint,
  assertRsa,
  curves,
  decodePublicKey,
  encodePublicKey,
  keyTypeOf,
  MAX_COMMENT,
  MAX_MODULUS,
  parseComment,
  type SshCurve,
  type SshPublicKey,
} from "./public-key.ts";

/** Numbers are big-endian. Whoever holds one wipes its secret members. */
export type SshPrivateKey =
  | { readonly kind: "ed25519"; readonly key: Uint8Array; readonly seed: Uint8Array }
  | {
      readonly kind: "rsa";
      readonly n: Uint8Array;
      readonly e: Uint8Array;
      readonly d: Uint8Array;
      /** The inverse of q modulo p. */
      readonly iqmp: Uint8Array;
      readonly p: Uint8Array;
      readonly q: Uint8Array;
    }
  | {
      readonly kind: "ecdsa";
      readonly curve: SshCurve;
      readonly point: Uint8Array;
      readonly scalar: Uint8Array;
    };

export const MAX_FILE = 65_536;

const LABEL = "OPENSSH PRIVATE KEY";
const COLUMNS = 70;
const BLOCK = 8;
const magic = utf8("openssh-key-v1\0");
const unencrypted = concat(magic, string("none"), string("none"), string(""), uint32(1));

export function publicKeyOf(key: SshPrivateKey): SshPublicKey {
  switch (key.kind) {
    case "ed25519":
      return { kind: "ed25519", key: key.key };
    case "rsa":
      return { kind: "rsa", e: withoutZeros(key.e), n: withoutZeros(key.n) };
    case "ecdsa":
      return { kind: "ecdsa", curve: key.curve, point: key.point };
  }
}

/**
 * @param check - A random number of 32 bits; only says that decryption worked, of which there is none.
 * @returns The whole file, which the caller wipes.
 * @throws KeywardError `malformed` when the comment is not one short line.
 */
export function encodePrivateKey(key: SshPrivateKey, comment: string, check: number): Secret {
  const publicKey = publicKeyOf(key);
  const parts = encodeFields(key);
  const open = concat(
    uint32(check),
    uint32(check),
    string(keyTypeOf(publicKey)),
    ...parts,
    string(parseComment(comment)),
  );
  const padded = concat(open, padding(open.byteLength));
  const inner = string(padded);
  const whole = concat(unencrypted, string(encodePublicKey(publicKey)), inner);
  const file = Secret.take(encodePem(LABEL, whole, COLUMNS));
  wipe(...parts, open, padded, inner, whole);
  return file;
}

/**
 * @param file - The whole file, 64 KiB at most, as ssh-keygen writes it.
 * @returns The key, whose secret members the caller wipes, and its comment.
 * @throws KeywardError `malformed`, also for a key with a passphrase and when the public part is not the
 *   private part's; `too-large`
 */
export function decodePrivateKey(
  file: Uint8Array,
  what = "ssh key",
): { key: SshPrivateKey; comment: string } {
  if (file.byteLength > MAX_FILE) throw new KeywardError("too-large", `${what}: more than ${MAX_FILE} bytes`);
  const whole = decodePem(LABEL, file, COLUMNS, what);
  try {
    return decodeWhole(whole, what);
  } finally {
    wipe(whole);
  }
}

function decodeWhole(whole: Uint8Array, what: string): { key: SshPrivateKey; comment: string } {
  if (!unencrypted.every((byte, i) => whole[i] === byte)) {
    throw new KeywardError("malformed", `${what}: not one key without a passphrase`, {
      hint: "take the passphrase off a copy: ssh-keygen -p",
    });
  }
  const outer = createReader(whole.subarray(unencrypted.byteLength), what);
  const publicKey = decodePublicKey(outer.string(MAX_FILE), what);
  const inner = outer.string(MAX_FILE);
  try {
    outer.end();
    return readInner(inner, publicKey, what);
  } finally {
    wipe(inner);
  }
}

function readInner(
  inner: Uint8Array,
  publicKey: SshPublicKey,
  what: string,
): { key: SshPrivateKey; comment: string } {
  const bad = (why: string): KeywardError => new KeywardError("malformed", `${what}: ${why}`);
  const reader = createReader(inner, what);
  if (inner.byteLength % BLOCK !== 0) throw bad("the private part is not in whole blocks");
  const [check, again] = [reader.uint32(), reader.uint32()];
  if (check !== again) throw bad("the two checks differ");
  if (reader.text(64) !== keyTypeOf(publicKey)) throw bad("two types are named");
  const key = readFields(reader, publicKey, what);
  const comment = parseComment(reader.text(MAX_COMMENT), what);
  const rest = reader.rest();
  if (!same(rest, padding(inner.byteLength - rest.byteLength))) throw bad("the padding is wrong");
  if (!same(encodePublicKey(publicKeyOf(key)), encodePublicKey(publicKey)))
    throw bad("two public keys are held");
  return { key, comment };
}

function encodeFields(key: SshPrivateKey): Uint8Array[] {
  switch (key.kind) {
    case "ed25519": {
      const pair = concat(key.seed, key.key);
      const fields = [string(key.key), string(pair)];
      wipe(pair);
      return fields;
    }
    case "rsa":
      return [key.n, key.e, key.d, key.iqmp, key.p, key.q].map(mpint);
    case "ecdsa":
      return [string(curves[key.curve].name), string(key.point), mpint(key.scalar)];
  }
}

function readFields(reader: Reader, publicKey: SshPublicKey, what: string): SshPrivateKey {
  switch (publicKey.kind) {
    case "ed25519":
      return readEd25519(reader, what);
    case "rsa": {
      const [n, e] = [reader.mpint(MAX_MODULUS), reader.mpint(8)];
      const [d, iqmp] = [reader.mpint(MAX_MODULUS), reader.mpint(MAX_MODULUS)];
      const [p, q] = [reader.mpint(MAX_MODULUS), reader.mpint(MAX_MODULUS)];
      return assertRsa({ kind: "rsa", n, e, d, iqmp, p, q } as const, what);
    }
    case "ecdsa": {
      const { curve } = publicKey;
      const { name, scalarSize } = curves[curve];
      if (reader.text(16) !== name) throw new KeywardError("malformed", `${what}: two curves are named`);
      const point = assertPoint(curve, reader.string(1 + 2 * scalarSize), what);
      return { kind: "ecdsa", curve, point, scalar: reader.mpint(scalarSize) };
    }
  }
}

function readEd25519(reader: Reader, what: string): SshPrivateKey {
  const [key, pair] = [reader.string(32), reader.string(64)];
  if (key.byteLength !== 32 || pair.byteLength !== 64 || !same(pair.subarray(32), key)) {
    throw new KeywardError("malformed", `${what}: not an ed25519 key`);
  }
  const seed = ownCopy(pair.subarray(0, 32));
  wipe(pair);
  if (!same(ed25519PublicKey(seed), key)) {
    throw new KeywardError("malformed", `${what}: the public key is not the seed's`);
  }
  return { kind: "ed25519", key, seed };
}

function padding(length: number): Uint8Array {
  return Uint8Array.from({ length: (BLOCK - (length % BLOCK)) % BLOCK }, (_, i) => i + 1);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
