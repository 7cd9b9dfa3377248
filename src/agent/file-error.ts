/** File error: what the system's refusal of a file operation means, in words, with the path and the next step. */
import { isKeywardError, KeywardError } from "../base/errors.ts";

/** By errno: what happened, and the next step. */
const meanings: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ["does not exist", "make the directory first: only what lies below the key directory is made"],
  ENOTDIR: ["is not a directory", "use another path"],
  EISDIR: ["is a directory", "use another path, or remove the directory"],
  ELOOP: ["is a symbolic link", "use the path that it leads to"],
  ENOSPC: ["no space left", "make room there; the old file is as it was"],
  EDQUOT: ["the quota is used up", "make room there; the old file is as it was"],
  EFBIG: ["larger than files may be here", "raise the limit (ulimit -f); the old file is as it was"],
  EROFS: ["the file system is read-only", "mount it read-write, or use another path"],
  EACCES: ["permission denied", "run the agent as root, or as a user who may write there"],
  EPERM: ["not permitted", "run the agent as root, or leave owner and group out of the grant"],
  ENAMETOOLONG: ["a name on the path is too long", "use another path"],
};

/** @param error - Whatever a file operation threw; a `KeywardError` comes back as it is. */
export function fileError(error: unknown, path: string): KeywardError {
  if (isKeywardError(error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "unknown";
  const [what, hint] = meanings[code] ?? [`refused by the system (${code})`, undefined];
  return new KeywardError("local", `${path}: ${what}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
