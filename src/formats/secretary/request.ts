/**
 * What a client asks of the daemon, as JSON. The first five members are the original's, always there and in this
 * order; it ignores the others, which ours adds.
 *
 *     AppID, AppVersion, TaskID   who asks; empty where there is none
 *     RequestedSecret             the stored envelope, without blanks
 *     Key                         the variable's name; empty for standard input
 *     RequestID                   random; ours sends it back, which ties the answer to the request
 *     Timestamp                   milliseconds since 1970; bounds how long ours must remember a request
 *     Also                        more envelopes of the same asker, each a RequestedSecret and a Key: ours answers
 *                                 all of them at once, the original the first alone
 */
import { utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { UnixMs } from "../../base/time.ts";
import { goString, type JsonFields, parseJsonFields } from "./json-fields.ts";

/** Envelopes that one request may ask for besides its first. */
export const MAX_ALSO = 127;

export interface Wanted {
  readonly requestedSecret: string;
  readonly key: string;
}

export interface DecryptRequest extends Wanted {
  readonly appId: string;
  readonly appVersion: string;
  readonly taskId: string;
  readonly requestId?: string;
  readonly timestamp?: UnixMs;
  /** 127 at most. */
  readonly also?: readonly Wanted[];
}

export function encodeRequest(request: DecryptRequest): Uint8Array {
  const members = [
    `"AppID":${goString(request.appId)}`,
    `"AppVersion":${goString(request.appVersion)}`,
    `"TaskID":${goString(request.taskId)}`,
    membersOf(request),
  ];
  if (request.requestId !== undefined) members.push(`"RequestID":${goString(request.requestId)}`);
  if (request.timestamp !== undefined) members.push(`"Timestamp":${request.timestamp}`);
  if (request.also !== undefined) members.push(`"Also":[${request.also.map(objectOf).join(",")}]`);
  return utf8(`{${members.join(",")}}`);
}

function membersOf({ requestedSecret, key }: Wanted): string {
  return `"RequestedSecret":${goString(requestedSecret)},"Key":${goString(key)}`;
}

function objectOf(wanted: Wanted): string {
  return `{${membersOf(wanted)}}`;
}

/** @throws KeywardError `malformed`, `too-large` */
export function decodeRequest(bytes: Uint8Array): DecryptRequest {
  const fields = parseJsonFields(bytes, "request");
  const requestId = fields.string("RequestID");
  const timestamp = fields.whole("Timestamp");
  const also = fields.list("Also");
  if (also !== null && also.length > MAX_ALSO)
    throw new KeywardError("too-large", `request: more than ${MAX_ALSO + 1} envelopes`);
  return {
    appId: fields.string("AppID") ?? "",
    appVersion: fields.string("AppVersion") ?? "",
    taskId: fields.string("TaskID") ?? "",
    ...wantedOf(fields),
    ...(requestId === null ? {} : { requestId }),
    ...(timestamp === null ? {} : { timestamp: timestamp as UnixMs }),
    ...(also === null ? {} : { also: also.map(wantedOf) }),
  };
}

function wantedOf(fields: JsonFields): Wanted {
  return { requestedSecret: fields.string("RequestedSecret") ?? "", key: fields.string("Key") ?? "" };
}
