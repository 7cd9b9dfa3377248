/** The passphrase seal: a passphrase that people remember, stretched by scrypt (RFC 7914). */
import { fromUtf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { type ScryptCost, scrypt } from "../crypto/scrypt.ts";

/** Bytes; what `assertPassphrase` asks of a new one. */
export const MIN_PASSPHRASE = 12;
const MAX_PASSPHRASE = 4096;

/**
 * The same passphrase typed on another machine may come in another Unicode form: it is brought to normal
 * form C (as RFC 8265, section 4.2 has it). Nothing else is changed, blanks at the ends stay.
 *
 * @returns A copy, which the caller wipes.
 * @throws KeywardError `malformed` when it is not UTF-8, `too-large` over 4,096 bytes.
 */
export function normalisePassphrase(passphrase: Secret): Secret {
  const bytes = passphrase.reveal();
  if (bytes.byteLength > MAX_PASSPHRASE) {
    throw new KeywardError("too-large", `passphrase: more than ${MAX_PASSPHRASE} bytes`);
  }
  // ASCII, the usual case, never becomes a string.
  if (bytes.every((byte) => byte < 0x80)) return Secret.copy(bytes);
  return Secret.fromText(fromUtf8(bytes, "passphrase").normalize("NFC"));
}

/** @throws KeywardError `usage` when it is too short, or one character over and over. */
export function assertPassphrase(passphrase: Secret): void {
  const bytes = passphrase.reveal();
  if (bytes.byteLength >= MIN_PASSPHRASE && new Set(bytes).size >= 5) return;
  throw new KeywardError(
    "usage",
    `passphrase: want at least ${MIN_PASSPHRASE} characters, and not all the same`,
    {
      hint: "several words that have nothing to do with each other are easy to remember and hard to guess",
    },
  );
}

/** @param salt - 16 random bytes, stored beside the cost. */
export async function stretchPassphrase(
  passphrase: Secret,
  salt: Uint8Array,
  cost: ScryptCost,
  length: number,
): Promise<Secret> {
  using normal = normalisePassphrase(passphrase);
  return Secret.take(await scrypt(normal.reveal(), salt, cost, length));
}
