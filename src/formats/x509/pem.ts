/** PEM (RFC 7468, the strict form): one block, lines of 64 characters, LF or CRLF. */
import { fromBase64, toBase64 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";

export type PemLabel = "CERTIFICATE" | "CERTIFICATE REQUEST" | "X509 CRL" | "PRIVATE KEY";

export function formatPem(label: PemLabel, der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * One block and nothing else.
 *
 * @param limit - Characters.
 * @throws KeywardError `malformed`, `too-large`
 */
export function parsePem(text: string, label: PemLabel, limit: number): Uint8Array {
  const what = label.toLowerCase();
  if (text.length > limit) throw new KeywardError("too-large", `${what}: more than ${limit} characters`);
  const lines = text.trim().split(/\r?\n/);
  // "NEW CERTIFICATE REQUEST" is what some programs write (RFC 7468 section 7).
  const names = label === "CERTIFICATE REQUEST" ? [label, `NEW ${label}`] : [label];
  const name = names.find(
    (one) => lines[0] === `-----BEGIN ${one}-----` && lines.at(-1) === `-----END ${one}-----`,
  );
  if (name === undefined) {
    throw new KeywardError(
      "malformed",
      `${what}: want one PEM block, from -----BEGIN ${label}----- to its end`,
    );
  }
  return fromBase64(lines.slice(1, -1).join(""), what);
}
