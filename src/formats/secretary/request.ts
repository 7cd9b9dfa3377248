/**
 * What a client asks of the daemon, as JSON. The first five members are the original's, always there and in this
 * order; it ignores the last two, which ours adds.
 *
 *     AppID, AppVersion, TaskID   who asks; empty where there is none
 *     RequestedSecret             the stored envelope, without blanks
 *     Key                         the variable's name; empty for standard input
 *     RequestID                   random; ours sends it back, which ties the answer to the request
 *     Timestamp                   milliseconds since 1970; bounds how long ours must remember a request
 */
import { utf8 } from "../../base/bytes.ts";
import type { UnixMs } from "../../base/time.ts";
import { goString, parseJsonFields } from "./json-fields.ts";

export interface DecryptRequest {
  readonly appId: string;
  readonly appVersion: string;
  readonly taskId: string;
  readonly requestedSecret: string;
  readonly key: string;
  readonly requestId?: string;
  readonly timestamp?: UnixMs;
}

export function encodeRequest(request: DecryptRequest): Uint8Array {
  const members = [
    `"AppID":${goString(request.appId)}`,
    `"AppVersion":${goString(request.appVersion)}`,
    `"TaskID":${goString(request.taskId)}`,
    `"RequestedSecret":${goString(request.requestedSecret)}`,
    `"Key":${goString(request.key)}`,
  ];
  if (request.requestId !== undefined) members.push(`"RequestID":${goString(request.requestId)}`);
  if (request.timestamp !== undefined) members.push(`"Timestamp":${request.timestamp}`);
  return utf8(`{${members.join(",")}}`);
}

/** @throws KeywardError `malformed`, `too-large` */
export function decodeRequest(bytes: Uint8Array): DecryptRequest {
  const fields = parseJsonFields(bytes, "request");
  const requestId = fields.string("RequestID");
  const timestamp = fields.whole("Timestamp");
  return {
    appId: fields.string("AppID") ?? "",
    appVersion: fields.string("AppVersion") ?? "",
    taskId: fields.string("TaskID") ?? "",
    requestedSecret: fields.string("RequestedSecret") ?? "",
    key: fields.string("Key") ?? "",
    ...(requestId === null ? {} : { requestId }),
    ...(timestamp === null ? {} : { timestamp: timestamp as UnixMs }),
  };
}
