/**
 * Base64 as Go's standard decoder takes it: the standard alphabet, padding required and only at the end, line
 * breaks anywhere, the unused bits of the last character whatever they are.
 */
import { KeywardError } from "../../base/errors.ts";

const shape = /^[A-Za-z0-9+/]*={0,2}$/;

/** @throws KeywardError `malformed`; `what` names the place. */
export function decodeGoBase64(text: string, what: string): Buffer {
  const line = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, "") : text;
  if (line.length % 4 !== 0 || !shape.test(line))
    throw new KeywardError("malformed", `${what}: not base64 at input byte ${corruptAt(text)}`);
  return Buffer.from(line, "base64");
}

/** Where Go says that the fault lies: encoding/base64, decodeQuantum. An unfinished quartet is told by its start. */
function corruptAt(text: string): number {
  let inQuartet = 0;
  for (let at = 0; at < text.length; at++) {
    const one = text[at] ?? "";
    if (/[\r\n]/.test(one)) continue;
    if (/[A-Za-z0-9+/]/.test(one)) inQuartet = (inQuartet + 1) % 4;
    else if (one !== "=" || inQuartet < 2) return at;
    else return corruptPadding(text, at, inQuartet);
  }
  return text.length - inQuartet;
}

/** From the first `=` on. */
function corruptPadding(text: string, first: number, inQuartet: number): number {
  const afterBreaks = (from: number): number => from + (/^[\r\n]*/.exec(text.slice(from))?.[0].length ?? 0);
  const next = afterBreaks(first + 1);
  if (inQuartet === 3) return next;
  if (next === text.length) return next;
  return text[next] === "=" ? afterBreaks(next + 1) : next - 1;
}
