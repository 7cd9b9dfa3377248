/**
 * Chef's signed requests, protocols 1.0, 1.1 and 1.3: headers that say who sends a request, when, and that nobody
 * changed it. The query string and the host are not covered, and a request can be sent again for a quarter of an hour:
 * only TLS helps against both.
 *
 *     X-Ops-Sign               algorithm=sha1;version=1.1;   (1.3: sha256)
 *     X-Ops-Userid             the client's or user's name
 *     X-Ops-Timestamp          2026-08-15T09:30:00Z
 *     X-Ops-Content-Hash       base64 of the body's hash
 *     X-Ops-Authorization-1…   base64 of the signature, 60 characters a header
 *
 * Source: mixlib-authentication 3.2.0, signedheaderauth.rb. Page: docs/formats/chef-signature.md. Vectors:
 * test/vectors/chef/signed-requests.json.
 */
import { constants, type KeyObject, privateEncrypt, sign as signHash } from "node:crypto";
import { KeywardError } from "../../base/errors.ts";
import type { UnixMs } from "../../base/time.ts";
import {
  canonicalText,
  contentHash,
  formatTimestamp,
  type Protocol,
  type SignedRequest,
} from "./canonical.ts";

export { type Protocol, protocols, type SignedRequest } from "./canonical.ts";
export { type Checked, verifyRequest } from "./verify.ts";

const LINE = 60;

/**
 * Sign a request. The result is the same every time.
 *
 * @param key - RSA; with 1.0 and 1.1 of 2048 bits or more, and with 1.0 for names of some hundred characters at most.
 * @param at - When it is sent; servers take a quarter of an hour either way.
 * @returns Headers by name; the caller also sends `X-Ops-Server-API-Version`.
 * @throws KeywardError `usage` when the key is no RSA key, or too short for what it has to hold.
 */
export function signRequest(
  request: SignedRequest,
  key: KeyObject,
  at: UnixMs,
  protocol: Protocol = "1.3",
): Record<string, string> {
  const timestamp = formatTimestamp(at);
  const hash = contentHash(request.body, protocol);
  const text = canonicalText(request, { protocol, timestamp, hash });
  const signature = signText(text, key, protocol);
  const lines = signature.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return {
    "X-Ops-Sign": `algorithm=${protocol === "1.3" ? "sha256" : "sha1"};version=${protocol};`,
    "X-Ops-Userid": request.userId,
    "X-Ops-Timestamp": timestamp,
    "X-Ops-Content-Hash": hash,
    ...Object.fromEntries(lines.map((line, i) => [`X-Ops-Authorization-${i + 1}`, line])),
  };
}

function signText(text: string, key: KeyObject, protocol: Protocol): string {
  if (key.asymmetricKeyType !== "rsa" || key.type !== "private")
    throw new KeywardError("usage", "a Chef request is signed with an RSA private key");
  if (protocol === "1.3") return signHash("sha256", Buffer.from(text), key).toString("base64");
  const room = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8) - 11;
  if (Buffer.byteLength(text) > room)
    throw new KeywardError("usage", `a request signed by protocol ${protocol} does not fit into this key`, {
      hint: "use protocol 1.3, or a longer key",
    });
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(text)).toString("base64");
}
