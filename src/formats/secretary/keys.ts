/**
 * Secretary's keys: 32 raw bytes of X25519, written as PEM or as base64 alone. The keys' text is the same in
 * files, variables and labels.
 *
 * Reading: blanks around are cut; the first whole PEM block counts, whatever its label, as long as both its ends
 * bear the same; header lines are skipped; text without a block is the base64 itself.
 */
import { toBase64 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { x25519PublicKey } from "../../crypto/agree.ts";
import { boxKey } from "../../crypto/box.ts";
import type { Random } from "../../crypto/random.ts";
import { decodeGoBase64 } from "./go-base64.ts";
import { trimSpace } from "./go-space.ts";

export type PublicKey = Uint8Array & { readonly is: "secretary-public-key" };
export type PrivateKey = Secret & { readonly is: "secretary-private-key" };
/** What seals and opens between two key pairs: worth keeping, for it costs a hundred times what opening does. */
export type BoxKey = Secret & { readonly is: "secretary-box-key" };

export interface KeyPair {
  readonly publicKey: PublicKey;
  readonly privateKey: PrivateKey;
}

const KEY_SIZE = 32;
const MAX_KEY_TEXT = 65_536;
const PUBLIC_LABEL = "NACL PUBLIC KEY";
const PRIVATE_LABEL = "NACL PRIVATE KEY";

export function generateKeyPair(random: Random): KeyPair {
  const privateKey = Secret.take(random(KEY_SIZE)) as PrivateKey;
  return { publicKey: publicKeyOf(privateKey), privateKey };
}

export function publicKeyOf(privateKey: PrivateKey): PublicKey {
  return x25519PublicKey(privateKey.reveal()) as PublicKey;
}

/** @throws KeywardError `malformed` when the public key is a point of low order. */
export function deriveBoxKey(privateKey: PrivateKey, publicKey: PublicKey): BoxKey {
  return Secret.take(boxKey(privateKey.reveal(), publicKey)) as BoxKey;
}

/** @param what - Names the place in errors. @throws KeywardError `malformed`, `too-large` */
export function parsePublicKey(text: string, what: string): PublicKey {
  return new Uint8Array(parseKey(text, what).reveal()) as PublicKey;
}

/** @param what - Names the place in errors. @throws KeywardError `malformed`, `too-large` */
export function parsePrivateKey(text: string, what: string): PrivateKey {
  return parseKey(text, what) as PrivateKey;
}

/** PEM, as `genkeys` writes it. */
export function formatPublicKey(key: PublicKey): string {
  return pem(PUBLIC_LABEL, toBase64(key));
}

/** PEM, as `genkeys` writes it. */
export function formatPrivateKey(key: PrivateKey): string {
  return pem(PRIVATE_LABEL, toBase64(key.reveal()));
}

function pem(label: string, body: string): string {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

function parseKey(text: string, what: string): Secret {
  if (text.length > MAX_KEY_TEXT) throw new KeywardError("too-large", `${what}: too long for a key`);
  const trimmed = trimSpace(text);
  const block = trimmed.includes("-----BEGIN") ? firstBlock(trimmed.split("\n")) : trimmed;
  if (block === null) throw new KeywardError("malformed", `${what}: no whole PEM block`);
  const decoded = decodeGoBase64(block.replace(/[\t ]/g, ""), what);
  const key = Secret.copy(decoded);
  decoded.fill(0);
  const { length } = key;
  if (length === KEY_SIZE) return key;
  key.wipe();
  throw new KeywardError("malformed", `${what}: a key has 32 bytes, this has ${length}`);
}

/** The base64 of the first block whose ends match; `null` when there is none. */
function firstBlock(lines: readonly string[]): string | null {
  for (const [start, line] of lines.entries()) {
    const label = /^-----BEGIN (.*)-----[\t\r ]*$/.exec(line)?.[1];
    if (label === undefined) continue;
    const length = lines.slice(start + 1).findIndex((other) => other.startsWith("-----END "));
    const body = lines.slice(start + 1, start + 1 + Math.max(length, 0));
    const end = lines[start + 1 + length] ?? "";
    if (length !== -1 && end.replace(/[\t\r ]+$/, "") === `-----END ${label}-----`)
      return withoutHeaders(body);
  }
  return null;
}

/** Headers (RFC 1421): a name, a colon, a value; they come first. */
function withoutHeaders(lines: readonly string[]): string {
  const first = lines.findIndex((line) => !line.includes(":"));
  return first === -1 ? "" : lines.slice(first).join("\n");
}
