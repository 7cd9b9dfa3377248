/**
 * Programs with arguments that no shell reads. The command is one constant text; the arguments travel on standard
 * input, a line each: an `x`, then each byte as `\0ooo`. An empty line ends them, and the program's own input is empty.
 */
import { utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { PROGRAM_PATH } from "../process.ts";

const script = [
  "set --",
  `while IFS= read -r l && [ -n "$l" ]; do a=$(printf "%b_" "\${l#x}"); set -- "$@" "\${a%_}"; done`,
  'exec env -i "$@" </dev/null',
].join("; ");

/** Read by the login's shell, whichever that is: single quotes mean the same to all. */
export const runCommand = `exec /bin/sh -c '${script}'`;

/** @throws KeywardError `usage` for an argument with a NUL, which no program can be given. */
export function encodeArguments(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Uint8Array {
  const settings = Object.entries({ PATH: PROGRAM_PATH, ...environment }).map(
    ([name, value]) => `${name}=${value}`,
  );
  const lines = [...settings, ...argv].map((text) => {
    if (text.includes("\0")) throw new KeywardError("usage", "an argument of a program cannot hold a NUL");
    const bytes = [...utf8(text)].map((byte) => `\\0${byte.toString(8).padStart(3, "0")}`);
    return `x${bytes.join("")}\n`;
  });
  return utf8(`${lines.join("")}\n`);
}
