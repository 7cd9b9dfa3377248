/**
 * Directory: a directory reached component by component, never through a symbolic link, and held open, so
 * that who swaps a directory on the way cannot send our writes elsewhere. A child is named through
 * /proc/self/fd/N (proc(5)), which is openat(2) for a runtime that lacks it.
 */
import { closeSync, constants, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { KeywardError } from "../base/errors.ts";
import { fileError } from "./file-error.ts";

export interface Directory {
  /** As it was asked for. */
  readonly path: string;
  /** A path to the child that is always a child of this very directory. @param name - One segment. */
  at(name: string): string;
  /** The names in it. */
  list(): string[];
  /** Make what was renamed, made or removed in here durable. */
  sync(): void;
  close(): void;
}

/** Linux: a handle on a directory that needs no permission to read it (open(2)); Node has no name for it. */
const O_PATH = 0o10000000;
const through = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const last = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

const child = (fd: number, name: string): string => `/proc/self/fd/${fd}/${name}`;

/**
 * @param path - Absolute, without empty, `.` or `..` segments.
 * @param makeBelow - Missing directories below this one are made, with mode 0700; others are not.
 * @throws KeywardError `local`: a component is missing, not a directory, or a symbolic link.
 */
export function openDirectory(path: string, makeBelow?: string): Directory {
  const segments = segmentsOf(path);
  let fd = openSync("/", segments.length === 0 ? last : through);
  let reached = "";
  for (const [index, name] of segments.entries()) {
    try {
      if (isBelow(reached, makeBelow)) makeDirectory({ at: (one) => child(fd, one) }, name);
      const next = openSync(child(fd, name), index === segments.length - 1 ? last : through);
      closeSync(fd);
      fd = next;
      reached += `/${name}`;
    } catch (error) {
      const place = `${reached}/${name}`;
      const wrong = isLink(child(fd, name)) ? linkError(place) : fileError(error, place);
      closeSync(fd);
      throw wrong;
    }
  }
  return heldOpen(path, fd);
}

function heldOpen(path: string, fd: number): Directory {
  return {
    path,
    at(name) {
      segmentsOf(`/${name}`);
      if (name.includes("/")) throw new KeywardError("internal", "a child of a directory is one segment");
      return child(fd, name);
    },
    list: () => readdirSync(`/proc/self/fd/${fd}`, "utf8"),
    sync: () => fsyncSync(fd),
    close: () => closeSync(fd),
  };
}

/** @throws KeywardError `internal`: paths were checked at the door. */
function segmentsOf(path: string): string[] {
  const segments = path === "/" ? [] : path.slice(1).split("/");
  const bad = segments.some((name) => name === "" || name === "." || name === ".." || name.includes("\0"));
  if (bad || !path.startsWith("/")) throw new KeywardError("internal", "want an absolute, plain path");
  return segments;
}

/** Is a child of `reached` below `top`? */
function isBelow(reached: string, top: string | undefined): boolean {
  return top !== undefined && (reached === top || reached.startsWith(`${top}/`));
}

/** With mode 0700, unless something of that name is there. @throws The system's error. */
export function makeDirectory(parent: Pick<Directory, "at">, name: string): void {
  try {
    mkdirSync(parent.at(name), 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function linkError(path: string): KeywardError {
  return new KeywardError("local", `${path}: is a symbolic link, and keys do not go through one`, {
    hint: "use the path that it leads to",
  });
}
