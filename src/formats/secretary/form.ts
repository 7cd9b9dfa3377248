/**
 * The body of `POST /v1/decrypt`: `application/x-www-form-urlencoded` with four fields, as Go's client writes it
 * (sorted, `+` for a space, everything escaped but letters, digits and `-_.~`). Fields may come in any order;
 * others are ignored; one that comes twice is refused.
 */
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";

export interface DecryptForm {
  readonly appId: string;
  readonly appVersion: string;
  readonly envelope: string;
  readonly taskId: string;
}

const MAX_FIELDS = 32;

export function encodeForm({ appId, appVersion, envelope, taskId }: DecryptForm): string {
  const fields = { appid: appId, appversion: appVersion, envelope, taskid: taskId };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${encoded(value)}`)
    .join("&");
}

function encoded(text: string): string {
  const hex = (found: string) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, hex)
    .replace(/%20/g, "+");
}

/** A field that is missing is empty. @throws KeywardError `malformed`, `too-large` */
export function decodeForm(body: string): DecryptForm {
  const fields = new Map<string, string>();
  const parts = body.split("&", MAX_FIELDS + 1);
  if (parts.length > MAX_FIELDS) throw new KeywardError("too-large", `form: more than ${MAX_FIELDS} fields`);
  for (const part of parts.filter((text) => text !== "")) {
    const equals = part.includes("=") ? part.indexOf("=") : part.length;
    const name = decoded(part.slice(0, equals));
    if (fields.has(name)) throw new KeywardError("malformed", "form: a field that comes twice");
    fields.set(name, decoded(part.slice(equals + 1)));
  }
  const read = (name: string): string => fields.get(name) ?? "";
  return {
    appId: read("appid"),
    appVersion: read("appversion"),
    envelope: read("envelope"),
    taskId: read("taskid"),
  };
}

function decoded(text: string): string {
  if (/;|%(?![0-9A-Fa-f]{2})/.test(text))
    throw new KeywardError("malformed", "form: a bad escape, or a semicolon");
  const spaced = text.replace(/\+/g, " ");
  if (!spaced.includes("%")) return spaced;
  const latin1 = Buffer.from(spaced, "utf8")
    .toString("latin1")
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return fromUtf8(Buffer.from(latin1, "latin1"), "form");
}
