/**
 * Passwords by policy. A byte picks a character: bytes from the largest multiple of the alphabet's size on
 * are thrown away, the rest is taken modulo that size. The whole password is drawn again until each class
 * occurs.
 */
import { utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Stream } from "../../crypto/stream.ts";
import type { PasswordClass, PasswordPolicy } from "../../model/realm.ts";

const order: readonly PasswordClass[] = ["lower", "upper", "digit", "special"];
const letters = "abcdefghijklmnopqrstuvwxyz";
/** None of these means anything to a shell, in a URL's user part, or in a config file's quotes. */
const shellSafe = "_-.+=:,@";

/**
 * The characters of each class, in a fixed order: classes as `order` has them, specials by code.
 *
 * @throws KeywardError `usage`
 */
export function alphabetOf({ length, classes, specials = shellSafe }: PasswordPolicy): string[] {
  const refuse = (what: string): KeywardError => new KeywardError("usage", `password policy: ${what}`);
  if (!Number.isInteger(length) || length < 8 || length > 1024) throw refuse("want 8 to 1,024 characters");
  const sorted = [...specials].sort().join("");
  if (!/^[!-/:-@[-`{-~]{1,32}$/.test(sorted) || new Set(sorted).size !== sorted.length) {
    throw refuse("specials are ASCII punctuation, each once");
  }
  const characters = { lower: letters, upper: letters.toUpperCase(), digit: "0123456789", special: sorted };
  const chosen = order.filter((name) => classes.includes(name));
  if (chosen.length === 0) throw refuse("want at least one class");
  return chosen.map((name) => characters[name]);
}

export function readPassword(stream: Stream, policy: PasswordPolicy): Secret {
  const classes = alphabetOf(policy).map(utf8);
  const alphabet = Uint8Array.from(classes.flatMap((some) => [...some]));
  const password = new Uint8Array(policy.length);
  do {
    for (let i = 0; i < password.length; i++) password[i] = pick(stream, alphabet);
  } while (!classes.every((some) => password.some((character) => some.includes(character))));
  return Secret.take(password);
}

function pick(stream: Stream, alphabet: Uint8Array): number {
  const limit = 256 - (256 % alphabet.length);
  for (;;) {
    const byte = stream.read(1)[0] ?? 0;
    if (byte < limit) return alphabet[byte % alphabet.length] ?? 0;
  }
}
