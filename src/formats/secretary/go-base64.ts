/**
 * Base64 as Go's standard decoder takes it: the standard alphabet, padding required and only at the end, line
 * breaks anywhere, the unused bits of the last character whatever they are.
 */
import { KeywardError } from "../../base/errors.ts";

const shape = /^[A-Za-z0-9+/]*={0,2}$/;

/** @throws KeywardError `malformed`; `what` names the place. */
export function decodeGoBase64(text: string, what: string): Buffer {
  const line = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, "") : text;
  if (line.length % 4 !== 0 || !shape.test(line)) throw new KeywardError("malformed", `${what}: not base64`);
  return Buffer.from(line, "base64");
}
