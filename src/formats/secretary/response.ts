/**
 * What the daemon answers, as JSON: `PlaintextSecret`, the value in base64, and `RequestID` as the request had it,
 * which the original ignores. An answer without a value, or one that is a request sent back, is refused; the
 * original takes either for the empty value.
 */
import { toBase64, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { decodeGoBase64 } from "./go-base64.ts";
import { goString, parseJsonFields } from "./json-fields.ts";

export interface DecryptResponse {
  /** The caller wipes it. */
  readonly value: Secret;
  readonly requestId?: string;
}

const requestMembers = ["AppID", "AppVersion", "TaskID", "RequestedSecret", "Key"];

export function encodeResponse({ value, requestId }: DecryptResponse): Secret {
  const echo = requestId === undefined ? "" : `,"RequestID":${goString(requestId)}`;
  return Secret.take(utf8(`{"PlaintextSecret":"${toBase64(value.reveal())}"${echo}}`));
}

/** @throws KeywardError `malformed`, `too-large`; `integrity` when it is a request. */
export function decodeResponse(bytes: Uint8Array): DecryptResponse {
  const fields = parseJsonFields(bytes, "response");
  if (requestMembers.some((name) => fields.has(name)))
    throw new KeywardError("integrity", "response: it is a request sent back", {
      hint: "someone between here and the daemon may have changed the answer",
    });
  const value = fields.string("PlaintextSecret");
  if (value === null) throw new KeywardError("malformed", "response: no PlaintextSecret");
  const requestId = fields.string("RequestID");
  const decoded = decodeGoBase64(value, "response: PlaintextSecret");
  const secret = Secret.copy(decoded);
  decoded.fill(0);
  return { value: secret, ...(requestId === null ? {} : { requestId }) };
}
