/**
 * Finds envelopes in running text: `ENC[`, a type, `,`, then base64 with blanks between, then `]`. Leftmost and
 * not overlapping; blanks are space, tab, line feed, form feed and carriage return, and only after the comma.
 */
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";

export interface Found {
  /** The type as written: `NACL`, `KMS`, `HPKE`. */
  readonly type: string;
  /** Where it stands: first character, and one past the last. */
  readonly start: number;
  readonly end: number;
  /** The envelope without its blanks. */
  readonly envelope: string;
}

/** Any word is a type: for tools that pass on what they cannot open themselves, as Lighter does. */
export const ANY_TYPE = ["[0-9A-Za-z_]+"] as const;
export const SECRETARY_TYPES = ["NACL", "KMS"] as const;
export const ALL_TYPES = ["NACL", "KMS", "HPKE"] as const;

const BODY = "[A-Za-z0-9+/=\\t\\n\\f\\r ]";

/**
 * @param text - For bytes, decode them as latin1: positions are then those of the bytes.
 * @param types - Patterns of types.
 */
export function findEnvelopes(text: string, types: readonly string[] = ALL_TYPES): Found[] {
  const pattern = new RegExp(`ENC\\[(${types.join("|")}),${BODY}+\\]`, "g");
  return Array.from(text.matchAll(pattern), (match) => ({
    type: match[1] ?? "",
    start: match.index,
    end: match.index + match[0].length,
    envelope: match[0].replace(/[\t\n\f\r ]/g, ""),
  }));
}

/** Positions are those of the bytes. */
export function findEnvelopesInBytes(document: Uint8Array, types?: readonly string[]): Found[] {
  const latin1 = Buffer.from(document.buffer, document.byteOffset, document.byteLength).toString("latin1");
  return findEnvelopes(latin1, types);
}

/**
 * The document with each envelope replaced where it stands, and everything else byte for byte.
 *
 * @param found - Of this document, in order.
 * @param replacements - One for each.
 */
export function replaceEnvelopes(
  document: Uint8Array,
  found: readonly Found[],
  replacements: readonly Uint8Array[],
): Secret {
  if (found.length !== replacements.length)
    throw new KeywardError("internal", "envelopes: one replacement for each");
  const gone = found.reduce((sum, { start, end }) => sum + end - start, 0);
  const come = replacements.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const whole = new Uint8Array(document.byteLength - gone + come);
  let from = 0;
  let to = 0;
  for (const [i, { start, end }] of found.entries()) {
    for (const part of [document.subarray(from, start), replacements[i] as Uint8Array]) {
      whole.set(part, to);
      to += part.byteLength;
    }
    from = end;
  }
  whole.set(document.subarray(from), to);
  return Secret.take(whole);
}
