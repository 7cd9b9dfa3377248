/**
 * Where Secretary looks for a key: a list of locations, each first as a variable's name, then as a file's. The
 * first that is there counts, and must be a key.
 */
import { closeSync, existsSync, fstatSync, openSync } from "node:fs";
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { readBytes } from "../command/read-file.ts";
import type { World } from "../command/world.ts";
import { printable } from "../model/name.ts";

/** @throws KeywardError `malformed` */
export type ParseKey<K> = (text: string, what: string) => K;

export interface Locations {
  /** What an operator typed: it must be there. Empty: nothing was typed. */
  readonly typed: string;
  /** Tried before what was typed. */
  readonly before?: readonly string[];
  /** Tried after it. */
  readonly after: readonly string[];
  /** A file that others may read is warned of. */
  readonly secret: boolean;
}

export type KeyWorld = Pick<World, "env" | "cwd" | "stderr">;

const MAX_KEY_FILE = 65_536;

/**
 * @returns `null` when no location is there.
 * @throws KeywardError `malformed` when the first that is there holds no key; `local` when what was typed is not
 *   there, or cannot be read.
 */
export function findKey<K>(locations: Locations, parse: ParseKey<K>, world: KeyWorld): K | null {
  const { typed, before = [], after, secret } = locations;
  for (const location of [...before, typed, ...after]) {
    if (location === "") continue;
    const found = atLocation(location, parse, secret, world);
    if (found !== null) return found;
    // The container image's start script passes a variable's value on, where the original looks for a file.
    if (location === typed && !after.some((name) => world.env[name] === typed)) throw notThere(typed);
  }
  return null;
}

/** A key that was typed by mistake is not repeated. */
function notThere(typed: string): KeywardError {
  const shown = /[A-Za-z0-9+/]{40}/.test(typed) ? "that was typed" : printable(typed);
  return new KeywardError("local", `key ${shown}: no such file or variable`, {
    hint: "want the name of a file or of a variable",
  });
}

function atLocation<K>(location: string, parse: ParseKey<K>, secret: boolean, world: KeyWorld): K | null {
  const value = world.env[location] ?? "";
  if (value !== "") return fromVariable(location, value, parse, secret, world);
  return fromFile(location, parse, secret, world);
}

/** The key itself, or a file's name, as the parent project takes it. */
function fromVariable<K>(
  name: string,
  value: string,
  parse: ParseKey<K>,
  secret: boolean,
  world: KeyWorld,
): K {
  try {
    return parse(value, `$${name}`);
  } catch (error) {
    const found = /^[^\n]{1,4096}$/.test(value) ? fromFile(value, parse, secret, world) : null;
    if (found !== null) return found;
    throw error;
  }
}

function fromFile<K>(name: string, parse: ParseKey<K>, secret: boolean, world: KeyWorld): K | null {
  const file = path.resolve(world.cwd, name);
  if (name.includes("\0") || !existsSync(file)) return null;
  if (secret) warnOfOthers(name, file, world);
  const bytes = readBytes(file, "key file", MAX_KEY_FILE);
  try {
    return parse(Buffer.from(bytes).toString("latin1"), `key file ${name}`);
  } finally {
    bytes.fill(0);
  }
}

function warnOfOthers(name: string, file: string, { stderr }: KeyWorld): void {
  const fd = openSync(file, "r");
  try {
    const stat = fstatSync(fd);
    const mode = stat.mode & 0o777;
    if (stat.isFile() && (mode & 0o077) !== 0)
      stderr.write(
        `warning: key file ${printable(name)} can be read by others (mode ${mode.toString(8).padStart(4, "0")}): chmod 600\n`,
      );
  } finally {
    closeSync(fd);
  }
}
