/** The text form that all envelopes share: `ENC[`, a type, `,`, base64, `]`, and nothing before or after. */
import { KeywardError } from "../../base/errors.ts";
import { decodeGoBase64 } from "./go-base64.ts";

export type EnvelopeType = "NACL" | "KMS";

/** A value of 1 MiB, in base64 in JSON in two layers, has room. */
export const MAX_ENVELOPE_LENGTH = 4_194_304;
const WRAP_COLUMN = 64;

export function envelopeText(type: EnvelopeType, base64: string): string {
  return `ENC[${type},${base64}]`;
}

/** @throws KeywardError `malformed`, `too-large`; `what` names the place. */
export function bodyOf(type: EnvelopeType, text: string, what: string): Uint8Array {
  if (text.length > MAX_ENVELOPE_LENGTH)
    throw new KeywardError("too-large", `${what}: longer than ${MAX_ENVELOPE_LENGTH} characters`);
  const head = `ENC[${type},`;
  if (!text.startsWith(head) || !text.endsWith("]"))
    throw new KeywardError("malformed", `${what}: not ${head}…]`);
  return new Uint8Array(decodeGoBase64(text.slice(head.length, -1), what));
}

/** Lines of 64 characters, each ended by a line feed, as `encrypt --wrap` writes them. */
export function wrapText(text: string): string {
  return text.replace(new RegExp(`.{1,${WRAP_COLUMN}}`, "gs"), "$&\n");
}
