/** Values as words of a POSIX shell (IEEE Std 1003.1, section 2.2.2): what `decrypt -e` prints is evaluated. */
import { utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";

const QUOTE = 0x27;
/** What stands for a quote: the word ends, an escaped quote, the word goes on. */
const ESCAPED = utf8("'\\''");

/** Can a shell hold a variable of this name (section 3.235)? */
export function isShellName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/**
 * `export NAME='VALUE'` and a line feed; each `'` in the value is written as `'\''`.
 *
 * @throws KeywardError `usage` when the shell cannot hold the name or the value.
 */
export function exportLine(name: string, value: Uint8Array): Secret {
  if (!isShellName(name))
    throw new KeywardError("usage", `variable ${JSON.stringify(name)}: not a name that a shell can hold`, {
      hint: "letters, digits and underscores, and no digit first",
    });
  using quoted = quote(value, `variable ${name}`);
  const head = utf8(`export ${name}=`);
  const line = new Uint8Array(head.byteLength + quoted.length + 1);
  line.set(head);
  line.set(quoted.reveal(), head.byteLength);
  line[line.byteLength - 1] = 0x0a;
  return Secret.take(line);
}

/** @throws KeywardError `usage` when the value holds NUL; `what` names the place. */
export function quote(value: Uint8Array, what: string): Secret {
  if (value.includes(0)) throw new KeywardError("usage", `${what}: a NUL byte, which no shell can hold`);
  const quotes = value.reduce((sum, byte) => sum + (byte === QUOTE ? 1 : 0), 0);
  const word = new Uint8Array(value.byteLength + quotes * (ESCAPED.byteLength - 1) + 2);
  let at = 0;
  word[at++] = QUOTE;
  for (const byte of value) {
    if (byte === QUOTE) word.set(ESCAPED, at);
    else word[at] = byte;
    at += byte === QUOTE ? ESCAPED.byteLength : 1;
  }
  word[at] = QUOTE;
  return Secret.take(word);
}
