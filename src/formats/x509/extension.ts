/** Extensions of a certificate or a request: Extension ::= SEQ { OID, critical BOOLEAN DEFAULT FALSE, value OCTET STRING }. */
import { toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { type Reader, tags } from "./der.ts";

/** Object identifiers, as hex of their DER content. */
export const SUBJECT_ALT_NAME = "551d11";
export const EXTENDED_KEY_USAGE = "551d25";

/** @returns By object identifier: what each octet string holds. @throws KeywardError `malformed` */
export function readExtensions(extensions: Reader, what: string): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  while (extensions.more) {
    const extension = extensions.enter();
    const oid = toHex(extension.next(tags.oid).content);
    extension.optional(tags.boolean);
    const value = extension.next(tags.octetString).content;
    extension.end();
    if (found.has(oid)) throw new KeywardError("malformed", `${what}: an extension that stands twice`);
    found.set(oid, value);
  }
  return found;
}
