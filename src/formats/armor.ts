/**
 * Armor: secret bytes as ASCII (hexadecimal, base64, PEM of RFC 7468), from bytes to bytes, because a string
 * can never be wiped. Every decoder takes only what its encoder writes.
 */
import { utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { ownBytes } from "../crypto/memory.ts";

const hexDigits = utf8("0123456789abcdef");
const base64Digits = utf8("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const base64Values = new Map(Array.from(base64Digits, (digit, value) => [digit, value]));
const PAD = 0x3d;
const NEWLINE = 0x0a;

/** Lower case. */
export function encodeHex(bytes: Uint8Array): Uint8Array {
  const out = ownBytes(bytes.byteLength * 2);
  for (const [i, byte] of bytes.entries()) {
    out[2 * i] = hexDigits[byte >> 4] ?? 0;
    out[2 * i + 1] = hexDigits[byte & 15] ?? 0;
  }
  return out;
}

/** Standard alphabet with padding (RFC 4648 section 4). */
export function encodeBase64(bytes: Uint8Array): Uint8Array {
  const out = ownBytes(Math.ceil(bytes.byteLength / 3) * 4);
  for (let i = 0, at = 0; i < bytes.byteLength; i += 3) {
    const left = bytes.byteLength - i;
    const three = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out[at++] = base64Digits[three >> 18] ?? 0;
    out[at++] = base64Digits[(three >> 12) & 63] ?? 0;
    out[at++] = left > 1 ? (base64Digits[(three >> 6) & 63] ?? 0) : PAD;
    out[at++] = left > 2 ? (base64Digits[three & 63] ?? 0) : PAD;
  }
  return out;
}

/** @throws KeywardError `malformed` unless it is base64 exactly as `encodeBase64` writes it. */
export function decodeBase64(text: Uint8Array, what: string): Uint8Array {
  const bad = (): KeywardError => new KeywardError("malformed", `${what}: not base64`);
  if (text.byteLength % 4 !== 0) throw bad();
  const pads = text.at(-1) !== PAD ? 0 : text.at(-2) !== PAD ? 1 : 2;
  const out = ownBytes((text.byteLength / 4) * 3 - pads);
  for (let i = 0, at = 0; i < text.byteLength; i += 4) {
    let four = 0;
    for (let j = i; j < i + 4; j++) {
      const value = j >= text.byteLength - pads ? 0 : base64Values.get(text[j] ?? 0);
      if (value === undefined) throw bad();
      four = (four << 6) | value;
    }
    const spare = i + 4 < text.byteLength ? 0 : pads * 8;
    if ((four & ((1 << spare) - 1)) !== 0) throw bad();
    for (let shift = 16; shift >= spare; shift -= 8) out[at++] = (four >> shift) & 255;
  }
  return out;
}

/**
 * `-----BEGIN LABEL-----`, the base64 in lines, `-----END LABEL-----`, each with a newline.
 *
 * @param columns - Characters in a line: 64 (RFC 7468) or 70 (OpenSSH).
 * @returns ASCII, which the caller wipes.
 */
export function encodePem(label: string, bytes: Uint8Array, columns: number): Uint8Array {
  const [begin, end] = [utf8(`-----BEGIN ${label}-----\n`), utf8(`-----END ${label}-----\n`)];
  const text = encodeBase64(bytes);
  const lines = Math.ceil(text.byteLength / columns);
  const out = ownBytes(begin.byteLength + text.byteLength + lines + end.byteLength);
  out.set(begin);
  let at = begin.byteLength;
  for (let i = 0; i < text.byteLength; i += columns) {
    const line = text.subarray(i, i + columns);
    out.set(line, at);
    at += line.byteLength;
    out[at++] = NEWLINE;
  }
  out.set(end, at);
  text.fill(0);
  return out;
}

/**
 * @returns The bytes, which the caller wipes.
 * @throws KeywardError `malformed` unless it is one block exactly as `encodePem` writes it.
 */
export function decodePem(label: string, pem: Uint8Array, columns: number, what: string): Uint8Array {
  const [begin, end] = [utf8(`-----BEGIN ${label}-----\n`), utf8(`-----END ${label}-----\n`)];
  const body = pem.subarray(begin.byteLength, Math.max(begin.byteLength, pem.byteLength - end.byteLength));
  if (!same(pem.subarray(0, begin.byteLength), begin) || !same(pem.subarray(-end.byteLength), end)) {
    throw new KeywardError("malformed", `${what}: does not begin and end as a ${label}`);
  }
  const text = joinLines(body, columns, what);
  try {
    return decodeBase64(text, what);
  } finally {
    text.fill(0);
  }
}

/** The lines without their newlines. All are full but the last, which is not empty. */
function joinLines(body: Uint8Array, columns: number, what: string): Uint8Array {
  const full = Math.floor(body.byteLength / (columns + 1));
  const rest = body.byteLength - full * (columns + 1);
  const text = ownBytes(full * columns + Math.max(0, rest - 1));
  for (let line = 0; line * (columns + 1) < body.byteLength; line++) {
    const start = line * (columns + 1);
    const end = Math.min(start + columns, body.byteLength - 1);
    if (body[end] !== NEWLINE || end === start)
      throw new KeywardError("malformed", `${what}: a line is broken`);
    text.set(body.subarray(start, end), line * columns);
  }
  return text;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
