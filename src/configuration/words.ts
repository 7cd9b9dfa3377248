/** Errors in the original's words, where it has some: people and scripts know them. */
import type { KeywardError } from "../base/errors.ts";
import { plain } from "../command/terminal.ts";

/** Bytes: the original tries to open what cannot even hold a tag. */
const SHORTEST_READ = 25;

/** From our message to the original's, the first that fits. */
const words: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [
    /^response: deploy layer: (.*)$/,
    ([, why]) => `Failed to decrypt daemon response using deploy key (${inner(why)})`,
  ],
  [
    /^response: service layer: (.*)$/,
    ([, why]) => `Failed to decrypt daemon response using service key (${inner(why)})`,
  ],
  [/^response: PlaintextSecret: /, () => "Failed to base64 decode plaintext secret (illegal base64 data)"],
  [/^(response: .*)$/, ([, why]) => `Failed to parse JSON response (${why})`],
  [/^daemon: (.*)$/, ([, why]) => `Failed to decrypt using daemon (${why})`],
  [
    /^(?:[^:]*: )?not configured for ENC\[(\w+),/,
    ([, type]) => `Not configured for decrypting ENC[${type},..] values`,
  ],
  [/^(\$.*?): (.*)$/, ([, name, why]) => `Failed to decode key in ${name} (${keyWords(why)})`],
  [
    /^key file (.*): (no whole PEM block|not base64|a key has 32 bytes|too long for a key)/,
    ([, name, why]) => `Expected key ${name} to be at least 32 bytes (${keyWords(why)})`,
  ],
  [
    /^variable "(.*)": not a name that a shell can hold/,
    ([, name]) =>
      `the env var '${name}' is not a valid shell script identifier. Only alphanumeric characters and underscores are supported, starting with an alphabetic or underscore character`,
  ],
  [/^failed (.*)$/, ([, rest]) => `Failed ${rest}`],
];

/** @param about - What the message begins with when it is about the envelope of this place. */
export function originalWords({ code, message }: KeywardError, about = "envelope"): string {
  const bare = message.startsWith(`${about}: `) ? message.slice(about.length + 2) : message;
  const text = bare.replace(/^envelope \d+: /, "");
  for (const [pattern, write] of words) {
    const match = pattern.exec(text);
    if (match !== null) return plain(write(match));
  }
  if (code === "unreachable" || code === "timeout") return plain(`Failed to decrypt using daemon (${text})`);
  return plain(inner(text));
}

function inner(why = ""): string {
  if (/^sealed with other keys/.test(why)) return "Failed to decrypt (incorrect keys?)";
  const [, bytes] = /^(\d+) bytes, shorter than/.exec(why) ?? [];
  if (bytes !== undefined && Number(bytes) >= SHORTEST_READ) return "Failed to decrypt (incorrect keys?)";
  if (bytes !== undefined) return `Expected at least ${SHORTEST_READ} bytes of encrypted data`;
  const [, at] = /^not base64 at input byte (\d+)/.exec(why) ?? [];
  if (at !== undefined) return `illegal base64 data at input byte ${at}`;
  if (/^not ENC\[/.test(why)) return "Expected ENC[NACL,...] structured string";
  return why;
}

function keyWords(why = ""): string {
  return /a key has 32 bytes/.test(why) ? "Expected a 32 byte key" : "Failed to decode PEM block";
}
