/** What gokey refuses, in the original's words: scripts may look for them. */
import { isKeywardError, type KeywardError } from "../../base/errors.ts";
import { isBrokenOff } from "../../command/broken-off.ts";
import { GoFlagError, GoHelp } from "../../command/go-flags.ts";
import type { World } from "../../command/world.ts";
import { defaults, usage } from "./flags.ts";

/** Ends with status 1; `help` prints the flags after it. */
export class Refusal extends Error {
  readonly help: boolean;
  constructor(message: string, help = false) {
    super(message);
    this.help = help;
  }
}

/** As a shell has it for a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** @returns The exit status. */
export function explain(error: unknown, world: World): number {
  if (error instanceof GoHelp) {
    world.stderr.write(usage);
    return 0;
  }
  if (error instanceof GoFlagError) {
    world.stderr.write(`${error.message}\n${usage}`);
    return 2;
  }
  if (error instanceof Refusal) return log(world, error.message, error.help);
  if (!isKeywardError(error)) throw error;
  if (isBrokenOff(error)) return INTERRUPTED;
  return log(world, messageOf(error), false);
}

function messageOf(error: KeywardError): string {
  return error.code === "wrong-key" ? "cipher: message authentication failed" : error.message;
}

/** As Go's package `log` writes: the local time first. */
function log(world: World, message: string, help: boolean): number {
  const now = new Date(world.clock());
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}/${two(now.getMonth() + 1)}/${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  world.stderr.write(`${day} ${time} ${message}\n${help ? defaults : ""}`);
  return 1;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  ENXIO: "no such device or address",
  EROFS: "read-only file system",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
};

/**
 * Work on a file; what the system refuses is said in Go's words.
 *
 * @param reading - A directory can be opened to read, and is refused at the first byte.
 */
export function onFile<T>(reading: "read" | "write", file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const system = isKeywardError(error) ? error.cause : error;
    const { code = "" } = (system ?? {}) as NodeJS.ErrnoException;
    if (reasons[code] === undefined) throw error;
    const verb = reading === "read" && code === "EISDIR" ? "read" : "open";
    throw new Refusal(`${verb} ${file}: ${reasons[code]}`);
  }
}
