/** Bytes and their encodings. Decoders are strict: what they accept, the encoder would write again. */
import { KeywardError } from "./errors.ts";

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws KeywardError `malformed` when the bytes are not UTF-8; `what` names the place. */
export function fromUtf8(bytes: Uint8Array, what: string): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new KeywardError("malformed", `${what}: not valid UTF-8`);
  }
}

/** A view of the same bytes as a Buffer. */
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString("hex");
}

/** @throws KeywardError `malformed` unless lower-case hexadecimal of even length. */
export function fromHex(text: string, what: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new KeywardError("malformed", `${what}: not hexadecimal`);
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** Standard alphabet with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString("base64");
}

/** @throws KeywardError `malformed` unless it is base64 exactly as `toBase64` writes it. */
export function fromBase64(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw new KeywardError("malformed", `${what}: not base64`);
  return new Uint8Array(bytes);
}

/** URL-safe alphabet without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return view(bytes).toString("base64url");
}

/** @throws KeywardError `malformed` unless it is base64url exactly as `toBase64Url` writes it. */
export function fromBase64Url(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text) throw new KeywardError("malformed", `${what}: not base64url`);
  return new Uint8Array(bytes);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

/**
 * Several fields as one unambiguous byte string: each field is preceded by its length, 4 bytes big-endian.
 * Used for associated data, labels and MAC inputs, so that no two lists of fields give the same bytes.
 */
export function fields(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const out: Uint8Array[] = [];
  for (const part of parts) {
    const bytes = typeof part === "string" ? utf8(part) : part;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.byteLength);
    out.push(length, bytes);
  }
  return concat(...out);
}
