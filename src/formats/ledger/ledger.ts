/**
 * Ledger v1: which keys follow from a seed, and which version of each is the current one. Nothing in it is
 * secret. It is text, a line a realm, so that people can read it and compare two of them; only who can open the
 * seed can change it.
 *
 *     line      content, as canonical JSON (RFC 8785)
 *     1         {"changed":TIME,"format":"keyward-ledger-1","key":BASE64,"scheme":SCHEME,"seed":ID,"sequence":N}
 *     2 to n−1  a realm each, in order of name:
 *               {"changed":TIME,"created":TIME,"delivery"?:{…},"encoding":ENCODING,KIND,"name":NAME,"note"?:TEXT,
 *               "purpose"?:TEXT,"text"?:TEXT,"versions":[VERSION,…]}
 *     n         {"signature":BASE64}
 *
 *     KIND      "kind":NAME, and "length", "classes", "specials" where the kind has them
 *     VERSION   {"at"?:TIME,"created":TIME,"number":N,"state":"current"|"retiring"|"retired","tag":HEX,"until"?:TIME}
 *     TIME      "2026-11-22T12:34:26Z", whole seconds
 *
 * Each line ends with LF. The signature is Ed25519 over fields("keyward/ledger-1", lines 1 to n−1 with their
 * line breaks); `key` is its public half. What is not exactly as it would be written again is refused.
 *
 * Page: docs/formats/ledger.md. Vectors: test/vectors/ledger/.
 */
import { fields, fromBase64, fromUtf8, toBase64, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { canonicalJson, parseJson } from "../../base/json.ts";
import { memberReader } from "../../base/json-members.ts";
import type { Secret } from "../../base/secret.ts";
import type { UnixMs } from "../../base/time.ts";
import {
  ed25519PublicKey,
  ed25519Sign,
  ed25519Verify,
  PUBLIC_KEY_SIZE,
  SIGNATURE_SIZE,
} from "../../crypto/sign.ts";
import { type Scheme, schemes } from "../../model/realm.ts";
import { formatRealm, formatTime, type LedgerRealm, MAX_LINE_BYTES, parseRealm } from "./realm-line.ts";

export type { RealmDelivery } from "./delivery.ts";
export type { LedgerRealm, RealmVersion, RealmVersionState } from "./realm-line.ts";

export interface Ledger {
  /** The seed's scheme, and so that of each realm. */
  readonly scheme: Scheme;
  /** The seed's id: 16 hexadecimal digits. */
  readonly seed: string;
  /** From 1, one more with each change: an older copy is known by it. */
  readonly sequence: number;
  readonly changed: UnixMs;
  /** In order of name, each name and each tag once. */
  readonly realms: readonly LedgerRealm[];
}

export interface VerifiedLedger extends Ledger {
  /** The public half that its signature was verified with, 32 bytes. Whose it is, the caller must know. */
  readonly key: Uint8Array;
}

export const MAX_LEDGER_BYTES = 16_777_216;
export const MAX_REALMS = 10_000;
const FORMAT = "keyward-ledger-1";
const headLimits = { size: 1024, depth: 2, count: 16 };

/**
 * @param key - The private half: 32 bytes, an Ed25519 seed.
 * @throws KeywardError as `openLedger`: nothing is written that it would not read.
 */
export function signLedger(ledger: Ledger, key: Secret): Uint8Array {
  const { scheme, seed, sequence, changed } = ledger;
  const publicKey = toBase64(ed25519PublicKey(key.reveal()));
  const head = { format: FORMAT, key: publicKey, scheme, seed, sequence, changed: formatTime(changed) };
  const realms = [...ledger.realms].sort((a, b) => (a.name < b.name ? -1 : 1));
  const body = `${[canonicalJson(head), ...realms.map(formatRealm)].join("\n")}\n`;
  const signature = toBase64(ed25519Sign(key.reveal(), message(body)));
  const text = utf8(`${body}${canonicalJson({ signature })}\n`);
  openLedger(text);
  return text;
}

/**
 * Parse a ledger and verify its signature with the key that it names.
 *
 * @throws KeywardError `malformed`, `too-large`, `usage` for a name or path; `integrity` when the signature does
 *   not fit.
 */
export function openLedger(bytes: Uint8Array): VerifiedLedger {
  if (bytes.byteLength > MAX_LEDGER_BYTES)
    throw new KeywardError("too-large", `ledger: more than ${MAX_LEDGER_BYTES} bytes`);
  const text = fromUtf8(bytes, "ledger");
  const lines = text.split("\n");
  if (lines.length < 3 || lines.pop() !== "") throw malformed("ends too early");
  const last = lines.pop() ?? "";
  const [first = "", ...rest] = lines;
  if (rest.length > MAX_REALMS) throw new KeywardError("too-large", `ledger: more than ${MAX_REALMS} realms`);
  const { key, ...head } = parseHead(first);
  const signature = parseSignature(last, lines.length + 1);
  if (!ed25519Verify(key, message(`${lines.join("\n")}\n`), signature)) {
    throw new KeywardError(
      "integrity",
      "ledger: the signature does not fit: it was changed without the seed",
      {
        hint: "take the copy that you keep elsewhere",
      },
    );
  }
  const realms = rest.map((line, i) => parseLine(line, i + 2, head.scheme));
  assertOrder(realms);
  return { ...head, key, realms };
}

function message(body: string): Uint8Array {
  return fields("keyward/ledger-1", body);
}

function parseHead(text: string): Omit<VerifiedLedger, "realms"> {
  const what = "ledger line 1";
  const read = memberReader(what);
  const members = read.object(parseJson(text, what, headLimits), "the whole");
  if (members.format !== FORMAT) throw new KeywardError("malformed", `${what}: not a ledger of version 1`);
  const seed = read.string(members.seed, "seed");
  if (!/^[0-9a-f]{16}$/.test(seed)) throw read.wrong("seed");
  const key = fromBase64(read.string(members.key, "key"), `${what}: key`);
  if (key.byteLength !== PUBLIC_KEY_SIZE) throw read.wrong("key");
  const changed = Date.parse(read.string(members.changed, "changed")) as UnixMs;
  if (!(changed >= 0)) throw read.wrong("changed");
  const scheme = read.oneOf(members.scheme, "scheme", schemes);
  const sequence = read.whole(members.sequence, "sequence", 1, Number.MAX_SAFE_INTEGER);
  const again = { format: FORMAT, key: toBase64(key), scheme, seed, sequence, changed: formatTime(changed) };
  if (canonicalJson(again) !== text) throw read.wrong("the order or choice of members");
  return { scheme, seed, sequence, changed, key };
}

function parseSignature(text: string, line: number): Uint8Array {
  const what = `ledger line ${line}`;
  const read = memberReader(what);
  const members = read.object(parseJson(text, what, headLimits), "the whole");
  const signature = fromBase64(read.string(members.signature, "signature"), `${what}: signature`);
  if (signature.byteLength !== SIGNATURE_SIZE) throw read.wrong("signature");
  if (canonicalJson({ signature: toBase64(signature) }) !== text) throw read.wrong("the choice of members");
  return signature;
}

function parseLine(text: string, line: number, scheme: Scheme): LedgerRealm {
  if (Buffer.byteLength(text) > MAX_LINE_BYTES)
    throw new KeywardError("too-large", `ledger line ${line}: more than ${MAX_LINE_BYTES} bytes`);
  return parseRealm(text, line, scheme);
}

/** Two realms with one tag would be one key under two names: whoever bumps one of them believes it replaced. */
function assertOrder(realms: readonly LedgerRealm[]): void {
  const tags = new Set<string>();
  realms.forEach(({ name, versions }, i) => {
    if (i > 0 && name <= (realms[i - 1]?.name ?? "")) throw malformed(`line ${i + 2}: not in order of name`);
    for (const { tag } of versions) {
      if (tags.has(tag)) throw malformed(`line ${i + 2}: a key that stands twice`);
      tags.add(tag);
    }
  });
}

function malformed(what: string): KeywardError {
  return new KeywardError("malformed", `ledger: ${what}`);
}
