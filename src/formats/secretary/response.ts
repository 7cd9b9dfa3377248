/**
 * What the daemon answers, as JSON: `PlaintextSecret`, the value in base64, `RequestID` as the request had it, and
 * `Also`, one for each further envelope: its `PlaintextSecret`, or `Error`, a few words. The original ignores both. An
 * answer without a value, or one that is a request sent back, is refused; the original takes either for the empty
 * value.
 */
import { toBase64, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { decodeGoBase64 } from "./go-base64.ts";
import { goString, type JsonFields, parseJsonFields } from "./json-fields.ts";

/** What became of one of the further envelopes. */
export type AlsoAnswered = { readonly value: Secret } | { readonly error: string };

export interface DecryptResponse {
  /** The caller wipes it. */
  readonly value: Secret;
  readonly requestId?: string;
  /** In the order of the request's; absent from a daemon that does not know them. The caller wipes the values. */
  readonly also?: readonly AlsoAnswered[];
}

const requestMembers = ["AppID", "AppVersion", "TaskID", "RequestedSecret", "Key"];

export function encodeResponse({ value, requestId, also }: DecryptResponse): Secret {
  const members = [memberOf({ value })];
  if (requestId !== undefined) members.push(`"RequestID":${goString(requestId)}`);
  if (also !== undefined) members.push(`"Also":[${also.map((one) => `{${memberOf(one)}}`).join(",")}]`);
  return Secret.take(utf8(`{${members.join(",")}}`));
}

function memberOf(answer: AlsoAnswered): string {
  if ("error" in answer) return `"Error":${goString(answer.error)}`;
  return `"PlaintextSecret":"${toBase64(answer.value.reveal())}"`;
}

/** @throws KeywardError `malformed`, `too-large`; `integrity` when it is a request. */
export function decodeResponse(bytes: Uint8Array): DecryptResponse {
  const fields = parseJsonFields(bytes, "response");
  if (requestMembers.some((name) => fields.has(name)))
    throw new KeywardError("integrity", "response: it is a request sent back", {
      hint: "someone between here and the daemon may have changed the answer",
    });
  const requestId = fields.string("RequestID");
  const also = fields.list("Also");
  return {
    value: valueIn(fields),
    ...(requestId === null ? {} : { requestId }),
    ...(also === null ? {} : { also: also.map(alsoOf) }),
  };
}

function alsoOf(fields: JsonFields): AlsoAnswered {
  const error = fields.string("Error");
  return error === null ? { value: valueIn(fields) } : { error };
}

function valueIn(fields: JsonFields): Secret {
  const value = fields.string("PlaintextSecret");
  if (value === null) throw new KeywardError("malformed", "response: no PlaintextSecret");
  const decoded = decodeGoBase64(value, "response: PlaintextSecret");
  const secret = Secret.copy(decoded);
  decoded.fill(0);
  return secret;
}
