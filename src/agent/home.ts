/**
 * Home: the agent's own two directories, the one for its state and the one that keys lie in. The administrator
 * names them, so links on the way are followed once, at the start; from then on nothing goes through a link.
 */
import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { fileError } from "./file-error.ts";

/**
 * Make the directory if it is missing: itself with mode 0700, and what is missing above it with 0755.
 *
 * @returns Its path without links.
 * @throws KeywardError `local`: also when it is another user's, or others may write in it.
 */
export function prepareDirectory(path: string): string {
  try {
    const real = realParent(resolve(path));
    mkdirSync(dirname(real), { recursive: true, mode: 0o755 });
    makePrivate(real);
    const stats = lstatSync(real);
    if (!stats.isDirectory()) throw new KeywardError("local", `${real}: is not a directory`);
    if (stats.uid !== process.geteuid?.())
      throw refusal(
        real,
        `belongs to user ${stats.uid}`,
        "run the agent as that user, or name another directory",
      );
    if ((stats.mode & 0o022) !== 0) throw refusal(real, "others may write in it", `run: chmod 0700 ${real}`);
    return real;
  } catch (error) {
    throw isKeywardError(error) ? error : fileError(error, path);
  }
}

/** Links are followed as far as the path exists. */
function realParent(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || path === "/") throw error;
    return join(realParent(dirname(path)), basename(path));
  }
}

function makePrivate(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function refusal(path: string, why: string, hint: string): KeywardError {
  return new KeywardError("local", `${path}: ${why}`, { hint });
}
