/** The secret of encrypted data bags, from the file that a flag names. */
import { statSync } from "node:fs";
import path from "node:path";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Flags } from "../../command/command.ts";
import { readBytes } from "../../command/read-file.ts";
import type { Session } from "../../command/session.ts";
import { type DataBagSecret, secretOfFile } from "../../formats/databag/databag.ts";
import { printable } from "../../model/name.ts";
import { assertHardToGuess } from "../../seal/file.ts";

export const secretFlag = {
  "secret-file": {
    type: "string",
    value: "FILE",
    help: "The secret, any text: read as Chef reads it, stripped at both ends",
  },
} as const satisfies Flags;

const MAX_SECRET = 1_048_576;

/**
 * The caller wipes it. A file that everybody may read is warned of.
 *
 * @param flag - Names it in errors.
 * @throws KeywardError `usage` when it was not given or holds nothing; `local`, `malformed`, `too-large`
 */
export function readDataBagSecret(
  { out, world }: { readonly out: Pick<Session["out"], "note">; readonly world: Session["world"] },
  file: string | undefined,
  flag = "--secret-file",
  use: "open" | "seal" = "open",
): DataBagSecret {
  if (file === undefined)
    throw new KeywardError("usage", `${flag} is missing`, {
      hint: "make a secret: openssl rand -base64 512 > secret; chmod 600 secret",
    });
  const at = path.resolve(world.cwd, file);
  const what = `secret file ${printable(file)}`;
  using content = Secret.take(readBytes(at, "secret file", MAX_SECRET));
  if ((statSync(at).mode & 0o007) !== 0)
    out.note(`warning: ${what}: everybody on this machine may read it; chmod 600 ${printable(file)}`);
  const secret = secretOfFile(content, what);
  if (use === "seal") warnOfWeak(secret, what, (line) => out.note(line));
  return secret;
}

/** There is no stretching: a secret that can be guessed is found by trying. */
function warnOfWeak({ macKey }: DataBagSecret, what: string, note: (line: string) => void): void {
  using content = Secret.copy(macKey);
  try {
    assertHardToGuess(content);
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    note(`warning: ${what}:${error.message.slice(error.message.indexOf(":") + 1)}`);
  }
}
