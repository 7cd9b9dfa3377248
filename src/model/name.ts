/** Names of things, parsed once at the door. A parsed name is safe in a path, a record's key and a log line. */
import { KeywardError } from "../base/errors.ts";

/** `db/orders/password`: 1 to 16 segments, 512 bytes at most, NFC, case kept. */
export type KeyName = string & { readonly kind: "key-name" };
/** `db1` or `web-00.example.com`: 1 to 253 of letters, digits, `.`, `_`, `-`, not starting with `.` or `-`. */
export type NodeName = string & { readonly kind: "node-name" };

const segment = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._+=-]*$/u;

/**
 * @throws KeywardError `usage` for an empty segment, a segment that starts with a dot or a dash (so `.` and
 *   `..` cannot occur), a character outside letters, digits and `. _ + = -`, text that is not NFC, or a length over
 *   the limit.
 */
export function parseKeyName(text: string): KeyName {
  const refuse = (why: string): KeywardError =>
    new KeywardError("usage", `key name ${printable(text)}: ${why}`, {
      hint: "a key name looks like db/orders/password",
    });
  if (text === "") throw refuse("is empty");
  if (Buffer.byteLength(text) > 512) throw refuse("is longer than 512 bytes");
  if (text.normalize("NFC") !== text) throw refuse("is not in Unicode normal form C");
  const segments = text.split("/");
  if (segments.length > 16) throw refuse("has more than 16 segments");
  for (const one of segments) {
    if (!segment.test(one))
      throw refuse(one === "" ? "has an empty segment" : `segment ${printable(one)} is not allowed`);
  }
  return text as KeyName;
}

/** @throws KeywardError `usage` */
export function parseNodeName(text: string): NodeName {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$/.test(text)) {
    throw new KeywardError(
      "usage",
      `node name ${printable(text)}: want 1 to 253 letters, digits, dots, dashes or underscores`,
    );
  }
  return text as NodeName;
}

/** A name from outside, cut and quoted so that it cannot disturb a terminal or a log. */
export function printable(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
