/**
 * The master password in a file: what is left after white space is taken off both ends, byte for byte. White
 * space is Unicode's White_Space, which is not JavaScript's: U+0085 belongs to it, U+FEFF does not.
 *
 * Source: gokey, main.go (bytes.TrimSpace). Vectors: test/vectors/gokey/passfile.json.
 */
import { Secret } from "../../base/secret.ts";

const spaces = [
  ..."\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
].map((space) => new TextEncoder().encode(space));

/** @param content - Of the file; may be wiped once this returns. Bytes that are not UTF-8 stay. */
export function trimPassword(content: Uint8Array): Secret {
  let [from, to] = [0, content.length];
  for (let size = 1; size > 0; from += size) size = spaceAt(content.subarray(from, to), "start");
  for (let size = 1; size > 0; to -= size) size = spaceAt(content.subarray(from, to), "end");
  return Secret.copy(content.subarray(from, to));
}

/** Bytes of the white space that stands at this end; 0 when none does. */
function spaceAt(bytes: Uint8Array, end: "start" | "end"): number {
  const space = spaces.find((one) => {
    const offset = end === "start" ? 0 : bytes.length - one.length;
    return offset >= 0 && one.every((byte, i) => bytes[offset + i] === byte);
  });
  return space?.length ?? 0;
}
