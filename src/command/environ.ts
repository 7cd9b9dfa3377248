/**
 * The environment as the system handed it over: in its order, byte for byte. The runtime's own view is an object
 * of text, which has neither.
 */
import { closeSync, readFileSync } from "node:fs";
import type { World } from "./world.ts";

export interface Entry {
  readonly name: string;
  /** The bytes of the value, each as one character. */
  readonly latin1: string;
}

/** The first entry of each name; an entry without `=` is left out. */
export function entriesOf({ env, environ }: Pick<World, "env" | "environ">): Entry[] {
  const bytes = environ?.() ?? null;
  return bytes === null ? fromObject(env) : parseEnviron(bytes);
}

/** @param bytes - `NAME=VALUE`, each ended by NUL. */
export function parseEnviron(bytes: Uint8Array): Entry[] {
  const found = new Map<string, Entry>();
  for (const part of Buffer.from(bytes).toString("latin1").split("\0")) {
    const equals = part.indexOf("=");
    if (equals < 0) continue;
    const name = Buffer.from(part.slice(0, equals), "latin1").toString("utf8");
    if (!found.has(name)) found.set(name, { name, latin1: part.slice(equals + 1) });
  }
  return [...found.values()];
}

function fromObject(env: World["env"]): Entry[] {
  return Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, latin1: Buffer.from(value).toString("latin1") }],
  );
}

/**
 * What this process was started with, or the launcher before it. `null` where the system does not tell (proc(5)).
 */
export function systemEnviron(): Uint8Array | null {
  if (handedOver === undefined) handedOver = fromLauncher(process.env);
  return handedOver ?? ofThisProcess("environ");
}

let handedOver: Uint8Array | null | undefined;

/** The descriptor that bin/keyward opens: what its shell was started with, in base64. It can be read once. */
function fromLauncher(env: NodeJS.ProcessEnv): Uint8Array | null {
  const fd = env.KEYWARD_ENVIRON;
  delete env.KEYWARD_ENVIRON;
  if (fd !== "9") return null;
  try {
    return Buffer.from(readFileSync(9, "latin1"), "base64");
  } catch {
    return null;
  } finally {
    closeSync(9);
  }
}

/** As `systemEnviron`: the words of its command line, the program's first. */
export function systemCmdline(): Uint8Array | null {
  return ofThisProcess("cmdline");
}

function ofThisProcess(what: "environ" | "cmdline"): Uint8Array | null {
  try {
    return readFileSync(`/proc/self/${what}`);
  } catch {
    return null;
  }
}
