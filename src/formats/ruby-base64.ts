/** Base64 as Ruby's `pack("m")` writes it and `unpack("m")` reads it. */
import { KeywardError } from "../base/errors.ts";

const MAX_TEXT = 8_388_608;
/** What both readers take the same way. Node's would take `-` and `_` too. */
const regular = /^[A-Za-z0-9+/\n]*={0,2}\n?$/;

/** Lines of 60 characters, each with a line break, the last one too; nothing for no bytes. */
export function packBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  return text.replace(/.{1,60}/g, "$&\n");
}

/**
 * What is no character of the standard alphabet is skipped, the end is at the first `=` that can be one, and padding
 * may be missing.
 *
 * @throws KeywardError `too-large`
 */
export function unpackBase64(text: string, what: string): Uint8Array {
  if (text.length > MAX_TEXT)
    throw new KeywardError("too-large", `${what}: more than ${MAX_TEXT} characters`);
  return new Uint8Array(Buffer.from(regular.test(text) ? text : regularise(text), "base64"));
}

function regularise(text: string): string {
  let characters = "";
  for (const character of text) {
    if (/[A-Za-z0-9+/]/.test(character)) characters += character;
    else if (character === "=" && characters.length % 4 >= 2) break;
  }
  return characters;
}
