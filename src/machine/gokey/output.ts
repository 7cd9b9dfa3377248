/**
 * Where gokey's answer goes. A file is written beside its place and renamed, mode 0600, once there is an answer:
 * the original empties it first, whatever follows. What is no file (a pipe, /dev/null) is written to as it is.
 */
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readlinkSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import type { Secret } from "../../base/secret.ts";
import type { World } from "../../command/world.ts";
import { replace } from "../../command/write-file.ts";
import type { GokeyFlags } from "./flags.ts";
import { onFile, Refusal } from "./refusal.ts";

export interface Output {
  write(secret: Secret): void;
}

/**
 * Nothing is changed yet. What cannot be written is refused before anything is derived.
 *
 * @throws Refusal
 */
export function findOutput({ output: file, seed, kind }: GokeyFlags, world: World): Output {
  if (file === "") return { write: (secret) => void world.stdout.write(secret.reveal()) };
  const named = path.resolve(world.cwd, file);
  const there = onFile("write", file, () => statSync(named, { throwIfNoEntry: false }));
  if (there !== undefined && !there.isFile() && !there.isDirectory())
    return { write: (secret) => onFile("write", file, () => writeInto(named, secret)) };
  const place = targetOf(named);
  onFile("write", file, () => assertWritable(place, there));
  if (there !== undefined) {
    if (kind === "seed") throw new Refusal(`open ${file}: file exists`);
    if (isSame(there, seed === "" ? undefined : statOf(path.resolve(world.cwd, seed))))
      throw new Refusal(`open ${file}: is the seed file`);
  }
  return { write: (secret) => onFile("write", file, () => replace(place, "output file", secret.reveal())) };
}

/** The file that a link leads to, there or not, so that the link stays one. */
function targetOf(place: string): string {
  for (let target = place, left = 40; left > 0; left--) {
    let link: string;
    try {
      link = readlinkSync(target);
    } catch {
      return target;
    }
    target = path.resolve(path.dirname(target), link);
  }
  return place;
}

function assertWritable(place: string, there: Stats | undefined): void {
  if (there?.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
  if (there !== undefined) accessSync(place, constants.W_OK);
  // With the dot it must be a directory.
  accessSync(`${path.dirname(place)}/.`, constants.W_OK | constants.X_OK);
}

function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

/** By any name: a path, a link. */
function isSame(a: Stats, b: Stats | undefined): boolean {
  return a.dev === b?.dev && a.ino === b.ino;
}

function writeInto(place: string, secret: Secret): void {
  const fd = openSync(place, constants.O_WRONLY | constants.O_NOCTTY);
  try {
    for (let left = secret.reveal(); left.length > 0; ) left = left.subarray(writeSync(fd, left));
  } finally {
    closeSync(fd);
  }
}
