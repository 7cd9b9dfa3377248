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
  return utf8(`${[...settings, ...argv].map((text) => `${encodeOne(text)}\n`).join("")}\n`);
}

function encodeOne(text: string): string {
  if (text.includes("\0")) throw new KeywardError("usage", "an argument of a program cannot hold a NUL");
  return `x${[...utf8(text)].map((byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("")}`;
}

/**
 * What a host's authorized_keys has a key do, whatever it asks for: sshd's file server, and these programs with just
 * these arguments.
 *
 * @param programs - Argument lists; none: the file server alone.
 * @returns The options that stand before the key.
 */
export function authorizedOptions(programs: readonly (readonly string[])[]): string {
  if (programs.length === 0) return 'restrict,command="internal-sftp"';
  const allowed = programs.map((argv) => `"${argv.map(encodeOne).join("")}"`).join("|");
  const dispatcher = [
    'case "$SSH_ORIGINAL_COMMAND" in internal-sftp|*/sftp-server) exec /usr/lib/openssh/sftp-server;; esac',
    'IFS= read -r p; IFS= read -r k; k=$(printf "%b" "$k"); a=; set --',
    `while IFS= read -r l && [ -n "$l" ]; do a="$a$l"; l=$(printf "%b_" "\${l#x}"); set -- "$@" "\${l%_}"; done`,
    `case "$a" in ${allowed}) exec env -i PATH=${PROGRAM_PATH} "\${k#x}" "$@" </dev/null;; esac`,
    "exit 126",
  ].join("; ");
  return `restrict,command="${`exec /bin/sh -c '${dispatcher}'`.replaceAll('"', '\\"')}"`;
}
