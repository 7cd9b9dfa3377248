/** The server's side of a signed request. */
import { constants, type KeyObject, publicDecrypt, timingSafeEqual, verify as verifyHash } from "node:crypto";
import { fromBase64 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { UnixMs } from "../../base/time.ts";
import { canonicalText, contentHash, type Protocol, protocols, type SignedRequest } from "./canonical.ts";

export interface Checked {
  readonly protocol: Protocol;
  readonly at: UnixMs;
}

/** Either way, and not a second more. */
const SKEW_MS = 15 * 60_000;
/** A key of 16,384 bits. */
const MAX_LINES = 46;

/**
 * @param request - Its path may have a query.
 * @param headers - Of the request, by names in lower case.
 * @param key - The public key of whom the request says that it is from.
 * @throws KeywardError `malformed` when a header is missing or odd; `denied` when the time, the body or the signature
 *   does not fit: which of them is not said.
 */
export function verifyRequest(
  request: Omit<SignedRequest, "userId" | "apiVersion">,
  headers: Readonly<Record<string, string | undefined>>,
  key: KeyObject,
  now: UnixMs,
): Checked {
  const read = reader(headers);
  const protocol = readProtocol(read("x-ops-sign"));
  const timestamp = read("x-ops-timestamp");
  const at = Date.parse(timestamp) as UnixMs;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(timestamp) || Number.isNaN(at))
    throw malformed("x-ops-timestamp: want a time like 2026-08-15T09:30:00Z");
  const apiVersion = headers["x-ops-server-api-version"];
  const whole = {
    ...request,
    path: request.path.split("?", 1)[0] ?? "",
    userId: read("x-ops-userid"),
    ...(apiVersion === undefined ? {} : { apiVersion }),
  };
  const hash = contentHash(request.body, protocol);
  const text = Buffer.from(canonicalText(whole, { protocol, timestamp, hash }));
  const signed = isSigned(text, signatureOf(headers), key, protocol);
  const same = equal(Buffer.from(hash), Buffer.from(read("x-ops-content-hash")));
  if (!signed || !same || Math.abs(now - at) >= SKEW_MS)
    throw new KeywardError("denied", "signed request: time, body or signature does not fit");
  return { protocol, at };
}

function reader(headers: Readonly<Record<string, string | undefined>>): (name: string) => string {
  return (name) => {
    const value = headers[name];
    if (value === undefined || value === "") throw malformed(`${name}: is missing`);
    return value;
  };
}

/** `algorithm=sha1;version=1.1;`; the older protocols may leave the algorithm out. */
function readProtocol(text: string): Protocol {
  const pairs = text.split(";").map((pair) => pair.trim().split("="));
  const parts = new Map(pairs.map(([name = "", value = ""]) => [name, value] as const));
  const protocol = protocols.find((one) => one === parts.get("version"));
  if (protocol === undefined) throw malformed(`x-ops-sign: want version ${protocols.join(", ")}`);
  const algorithm = parts.get("algorithm");
  const wanted = protocol === "1.3" ? "sha256" : "sha1";
  if (algorithm !== wanted && (protocol === "1.3" || algorithm !== undefined))
    throw new KeywardError("denied", `signed request: protocol ${protocol} goes with ${wanted}`);
  return protocol;
}

function signatureOf(headers: Readonly<Record<string, string | undefined>>): Uint8Array {
  let text = "";
  for (let line = 1; line <= MAX_LINES; line++) {
    const part = headers[`x-ops-authorization-${line}`];
    if (part === undefined) break;
    text += part;
  }
  return fromBase64(text, "signed request: x-ops-authorization");
}

function isSigned(text: Buffer, signature: Uint8Array, key: KeyObject, protocol: Protocol): boolean {
  if (protocol === "1.3") return verifyHash("sha256", text, key, signature);
  try {
    return equal(publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature), text);
  } catch {
    return false;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function malformed(what: string): KeywardError {
  return new KeywardError("malformed", `signed request: ${what}`);
}
