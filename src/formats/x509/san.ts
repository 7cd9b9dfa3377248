/**
 * Subject alternative names (RFC 5280 section 4.2.1.6): read from DER, never from anybody's text form, because a
 * name may hold what such a text uses as punctuation (CVE-2021-44532). Each value has passed a check of its own.
 *
 *     [1] rfc822Name   [2] dNSName   [6] uniformResourceIdentifier   [7] iPAddress, 4 or 16 bytes
 */
import { KeywardError } from "../../base/errors.ts";
import { printable } from "../../model/name.ts";
import { readWhole } from "./der.ts";
import { canonicalIp, formatIp } from "./ip.ts";

export type San =
  | { readonly kind: "dns"; readonly value: string }
  | { readonly kind: "ip"; readonly value: string }
  | { readonly kind: "uri"; readonly value: string }
  | { readonly kind: "email"; readonly value: string };

/** One request or certificate, at most. */
export const MAX_NAMES = 64;

const kinds: Readonly<Record<number, San["kind"]>> = { 129: "email", 130: "dns", 134: "uri", 135: "ip" };

/**
 * @param bytes - The content of the extension: GeneralNames.
 * @throws KeywardError `malformed`, `too-large`; `usage` for a name of another kind.
 */
export function readSans(bytes: Uint8Array, what: string): San[] {
  const reader = readWhole(bytes, what);
  const found: San[] = [];
  while (reader.more) {
    const { tag, content } = reader.next();
    const kind = kinds[tag];
    if (kind === undefined) {
      throw new KeywardError(
        "usage",
        `${what}: a name that is not a DNS name, IP address, URI or mail address`,
      );
    }
    if (found.length === MAX_NAMES)
      throw new KeywardError("too-large", `${what}: more than ${MAX_NAMES} names`);
    found.push(makeSan(kind, kind === "ip" ? ipText(content, what) : asciiText(content, what), what));
  }
  if (found.length === 0) throw new KeywardError("malformed", `${what}: an empty list of names`);
  return found;
}

const dnsName =
  /^(?=.{1,253}$)(?:\*\.(?=.*\.))?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;
const uri = /^[a-z][a-z0-9+.-]{0,31}:[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]{1,1000}$/i;
const email =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** @throws KeywardError `malformed` */
export function makeSan(kind: San["kind"], value: string, what: string): San {
  const good = {
    dns: isDns,
    ip: (text: string) => canonicalIp(text) !== null,
    uri: matches(uri),
    email: matches(email),
  };
  if (!good[kind](value))
    throw new KeywardError("malformed", `${what}: ${printable(value)} is not a ${nouns[kind]}`);
  if (kind === "dns") return { kind, value: value.toLowerCase() };
  return { kind, value: kind === "ip" ? (canonicalIp(value) ?? value) : value };
}

const nouns = { dns: "DNS name", ip: "IP address", uri: "URI", email: "mail address" } as const;

function matches(pattern: RegExp): (text: string) => boolean {
  return (text) => pattern.test(text);
}

/** A name, and not an address in disguise: `10.0.0.1` is no DNS name. */
function isDns(text: string): boolean {
  return dnsName.test(text) && canonicalIp(text) === null;
}

/** `web.example.com` or `10.0.0.1`: a DNS name or an IP address, by its look. @throws KeywardError `malformed` */
export function parseHost(text: string, what: string): San {
  return makeSan(canonicalIp(text) === null ? "dns" : "ip", text, what);
}

function asciiText(content: Uint8Array, what: string): string {
  if (content.some((byte) => byte < 0x21 || byte > 0x7e)) {
    throw new KeywardError("malformed", `${what}: a name with a character that is not printable ASCII`);
  }
  return String.fromCharCode(...content.subarray(0, 2048));
}

function ipText(content: Uint8Array, what: string): string {
  if (content.byteLength === 4 || content.byteLength === 16) return formatIp(content);
  throw new KeywardError("malformed", `${what}: an IP address of the wrong length`);
}
